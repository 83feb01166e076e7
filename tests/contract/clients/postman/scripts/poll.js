function expectJobs(nextStep) {
  const reply = answer()
  const { code, errno, retryAfter } = reply
  const jobs = remembered('jobs'), missingSince = remembered('missingSince')
  const ids = pm.variables.get('jobUuids').split(',')
  const asked = jobs.filter((job) => ids.includes(job.jobUuid))
  const kind = reply.isSuccess ? 'answer' : trouble(reply)

  // One of several refused ids may be the reason: each is asked for alone, until
  // it is answered. One refused alone may not be known yet.
  const alone = new Set(remembered('alone'))
  if (kind === 'ids') ids.forEach((id) => alone.add(id))
  if (kind === 'answer') ids.forEach((id) => alone.delete(id))
  let isUnknown = false
  if (kind === 'answer' || kind === 'ids' && ids.length === 1) {
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
    isUnknown = ids.some((id) => Date.now() - missingSince[id] > pm.variables.get('grace'))
  }
  const left = jobs.filter((job) => !job.done).map((job) => job.jobUuid)
  remember('jobs', jobs)
  remember('missingSince', missingSince)
  remember('alone', [...alone])

  if (left.length === 0) {
    const failed = jobs.filter((job) => !job.success)
    const nameless = jobs.filter((job) => typeof job.resourceUuid !== 'string' || job.resourceUuid === '')
    pm.test('the jobs succeeded', () => pm.expect(failed.map((job) => job.result)).to.eql([]))
    pm.test('the jobs name their images', () => pm.expect(nameless.map((job) => job.jobUuid)).to.eql([]))
    jobs.forEach((job, i) => pm.collectionVariables.set(`image${i}`, job.resourceUuid))
    if (failed.length + nameless.length === 0) pm.execution.setNextRequest(nextStep)
    return
  }
  // One poll may take several requests. Pauses between polls grow, up to a minute.
  let turns = remembered('turns'), pause = Number(pm.variables.get('gap'))
  if (turns.length === 0) {
    turns = requestsFor(left, alone)
    pause = Math.min(Number(pm.variables.get('pauseOfPolls')) * 1.5, 60000)
    pm.collectionVariables.set('pauseOfPolls', pause)
  }
  pause = Math.max(pause, retryAfter)
  pm.collectionVariables.set('pause', pause)
  pm.collectionVariables.set('jobUuids', turns.shift())
  remember('turns', turns)
  const end = kind === 'refused' ? 'is refused' : isUnknown ? 'does not know a job' : Date.now() + pause > pm.variables.get('deadline') && 'took too long'
  if (end) pm.test(`the wait ${end}`, () => pm.expect.fail(`HTTP ${code}, errno ${errno}; left: ${left}`))
  else pm.execution.setNextRequest(pm.info.requestName)
}

// Puts ids into requests: all in one, but for those that are to be alone.
function requestsFor(ids, alone) {
  const together = ids.filter((id) => !alone.has(id))
  return [...ids.filter((id) => alone.has(id)), ...together.length > 0 ? [together.join(',')] : []]
}
