function expectJobs(nextStep) {
  const response = readResponse()
  const { code, errno, retryAfter } = response
  const jobs = remembered('jobs'), missingSince = remembered('missingSince')
  const ids = pm.variables.get('jobUuids').split(',')
  const queried = jobs.filter((job) => ids.includes(job.jobUuid))
  const kind = response.isSuccess ? 'success' : classify(response)

  // One of several rejected ids may be the bad one: each is queried alone until a
  // response has it. One that is rejected alone may not be known yet.
  const alone = new Set(remembered('alone'))
  if (kind === 'bad id') ids.forEach((id) => alone.add(id))
  if (kind === 'success') ids.forEach((id) => alone.delete(id))
  let isUnknown = false
  if (kind === 'success' || kind === 'bad id' && ids.length === 1) {
    for (const job of queried) {
      const seen = response.jobs.filter(({ jobUuid }) => jobUuid === job.jobUuid)
      if (seen.length === 0) missingSince[job.jobUuid] = missingSince[job.jobUuid] || Date.now()
      else delete missingSince[job.jobUuid]
      // A job that is reported twice has finished if one of the reports says so. A
      // later response may lack what an earlier one had.
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
  // A poll may need several requests. Pauses between polls grow, up to a minute.
  let next = remembered('nextRequests'), pause = Number(pm.variables.get('requestInterval'))
  if (next.length === 0) {
    next = requestsFor(left, alone)
    pause = Math.min(Number(pm.variables.get('pauseBetweenPolls')) * 1.5, 60000)
    pm.collectionVariables.set('pauseBetweenPolls', pause)
  }
  pause = Math.max(pause, retryAfter)
  pm.collectionVariables.set('pause', pause)
  pm.collectionVariables.set('jobUuids', next.shift())
  remember('nextRequests', next)
  const end = kind === 'permanent' ? 'was rejected' : isUnknown ? 'did not find a job' : Date.now() + pause > pm.variables.get('deadline') && 'took too long'
  if (end) pm.test(`the wait ${end}`, () => pm.expect.fail(`HTTP ${code}, errno ${errno}; left: ${left}`))
  else pm.execution.setNextRequest(pm.info.requestName)
}

// Distributes ids over requests: all in one, except for those in alone.
function requestsFor(ids, alone) {
  const together = ids.filter((id) => !alone.has(id))
  return [...ids.filter((id) => alone.has(id)), ...together.length > 0 ? [together.join(',')] : []]
}
