function expectOutcome(expected, nextStep) {
  const { code, errno, jobs, isAcceptance, isRejection } = answer()
  const items = JSON.parse(pm.request.body.raw).cimg.length
  const outcome = isAcceptance && jobs.length >= items ? 'accepted' : isRejection ? 'rejected' : 'unknown'
  pm.test(`the change is ${expected}`, () =>
    pm.expect(outcome, `HTTP ${code}, errno ${errno}`).to.equal(expected))
  // After an unknown outcome, look for it by name before it is sent again.
  if (outcome !== 'accepted') return

  pm.collectionVariables.set('jobUuids', jobs.map((job) => job.jobUuid).join(','))
  jobs.forEach((job, i) => pm.collectionVariables.set(`image${i}`, job.resourceUuid))
  pm.collectionVariables.set('pause', pm.variables.get('firstPause'))
  pm.collectionVariables.set('deadline', Date.now() + Number(pm.variables.get('longestWait')))
  pm.collectionVariables.unset('missingSince')
  pm.execution.setNextRequest(nextStep)
}
