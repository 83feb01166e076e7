function expectOutcome(expected, nextStep) {
  const { code, errno, isSuccess, isRejection, items, jobs } = answer()
  const wanted = JSON.parse(pm.request.body.raw).cimg.length
  const ids = new Set(jobs.map((job) => job.jobUuid))
  const isAcceptance = isSuccess && items.length === wanted && ids.size === wanted
  const outcome = isAcceptance ? 'accepted' : isRejection ? 'rejected' : 'unknown'
  // After an unknown outcome, look for it before it is sent again.
  pm.test(`the change is ${expected}`, () =>
    pm.expect(outcome, `HTTP ${code}, errno ${errno}, jobs ${[...ids]}`).to.equal(expected))
  if (outcome !== 'accepted') return

  remember('jobs', jobs)
  remember('missingSince', {})
  remember('alone', [])
  remember('turns', [])
  pm.collectionVariables.set('jobUuids', [...ids].join(','))
  pm.collectionVariables.set('pause', pm.variables.get('firstPause'))
  pm.collectionVariables.set('pauseOfPolls', pm.variables.get('firstPause'))
  pm.collectionVariables.set('deadline', Date.now() + Number(pm.variables.get('longestWait')))
  pm.execution.setNextRequest(nextStep)
}
