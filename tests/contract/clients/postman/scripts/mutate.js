function expectOutcome(expected, nextStep) {
  const { code, errno, isSuccess, isRejection, items, jobs } = readResponse()
  const wanted = JSON.parse(pm.request.body.raw).cimg.length
  const ids = new Set(jobs.map((job) => job.jobUuid))
  const isAcceptance = isSuccess && items.length === wanted && ids.size === wanted
  const outcome = isAcceptance ? 'accepted' : isRejection ? 'rejected' : 'unknown'
  // After an unknown outcome, look the image up before sending the call again.
  pm.test(`the call is ${expected}`, () =>
    pm.expect(outcome, `HTTP ${code}, errno ${errno}, jobs ${[...ids]}`).to.equal(expected))
  if (outcome !== 'accepted') return

  remember('jobs', jobs)
  remember('missingSince', {})
  remember('alone', [])
  remember('nextRequests', [])
  pm.collectionVariables.set('jobUuids', [...ids].join(','))
  pm.collectionVariables.set('pause', pm.variables.get('firstPause'))
  pm.collectionVariables.set('pauseBetweenPolls', pm.variables.get('firstPause'))
  pm.collectionVariables.set('deadline', Date.now() + Number(pm.variables.get('maxWait')))
  pm.execution.setNextRequest(nextStep)
}
