function expectJobs(nextStep) {
  const { code, errno, jobs: found, isAcceptance, isRejection } = answer()
  const jobUuids = pm.variables.get('jobUuids').split(',')
  const jobs = jobUuids.map((jobUuid) => isAcceptance && found.find((job) => job.jobUuid === jobUuid))

  // An id that is not known yet may be left out, or the whole request refused.
  // A poll that fails otherwise tells nothing, and is made again.
  if (jobs.every(Boolean)) pm.collectionVariables.unset('missingSince')
  else if ((isAcceptance || isRejection && code !== 429) && !pm.variables.has('missingSince')) {
    pm.collectionVariables.set('missingSince', Date.now())
  }
  const missingFor = pm.variables.has('missingSince') ? Date.now() - pm.variables.get('missingSince') : 0

  if (jobs.every((job) => job && job.done)) {
    const failed = jobs.filter((job) => !job.success)
    pm.test('the jobs succeeded', () => pm.expect(failed.map((job) => job.result)).to.eql([]))
    if (failed.length === 0) pm.execution.setNextRequest(nextStep)
  } else if (Date.now() > pm.variables.get('deadline') || missingFor > pm.variables.get('grace')) {
    pm.test('the jobs ended in time', () => pm.expect.fail(`HTTP ${code}, errno ${errno}`))
  } else {
    pm.execution.setNextRequest(pm.info.requestName)
  }
}
