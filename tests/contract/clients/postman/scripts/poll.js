function expectJobs(nextStep) {
  const reply = answer()
  const { code, errno } = reply
  const jobs = remembered('jobs'), missingSince = remembered('missingSince')
  const asked = jobs.filter((job) => !job.done)
  const kind = reply.isSuccess ? 'answer' : trouble(reply)

  if (kind === 'answer' || kind === 'ids') { // an id may be the reason, which is not known yet
    for (const job of asked) {
      const seen = reply.jobs.filter(({ jobUuid }) => jobUuid === job.jobUuid)
      if (seen.length === 0) missingSince[job.jobUuid] = missingSince[job.jobUuid] || Date.now()
      else delete missingSince[job.jobUuid]
      // One that is told twice has ended if one of them says so. A later reply
      // may lack what an earlier one had.
      const { resourceUuid } = job
      Object.assign(job, seen.find(({ done }) => done) || seen[0])
      job.resourceUuid = job.resourceUuid || resourceUuid
    }
  }
  const left = jobs.filter((job) => !job.done).map((job) => job.jobUuid)
  remember('jobs', jobs)
  remember('missingSince', missingSince)

  if (left.length === 0) {
    const failed = jobs.filter((job) => !job.success)
    const nameless = jobs.filter((job) => typeof job.resourceUuid !== 'string' || job.resourceUuid === '')
    pm.test('the jobs succeeded', () => pm.expect(failed.map((job) => job.result)).to.eql([]))
    pm.test('the jobs name their images', () => pm.expect(nameless.map((job) => job.jobUuid)).to.eql([]))
    jobs.forEach((job, i) => pm.collectionVariables.set(`image${i}`, job.resourceUuid))
    if (failed.length + nameless.length === 0) pm.execution.setNextRequest(nextStep)
    return
  }
  pm.collectionVariables.set('jobUuids', left.join(','))
  const isUnknown = Object.values(missingSince).some((since) => Date.now() - since > pm.variables.get('grace'))
  const end = kind === 'refused' ? 'is refused' : isUnknown ? 'does not know a job' : Date.now() > pm.variables.get('deadline') && 'took too long'
  if (end) pm.test(`the wait ${end}`, () => pm.expect.fail(`HTTP ${code}, errno ${errno}; left: ${left}`))
  else pm.execution.setNextRequest(pm.info.requestName)
}
