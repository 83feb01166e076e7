// The errnos that say: nothing was done. Of any other but 0, nobody knows.
const rejections = [1, 4, 13, 41017, 41026, 1000011, 1100020, 10000001, 16000002]

// What the service answered; without an errno if it was not the service.
function answer() {
  const { code } = pm.response
  let reply
  try {
    reply = pm.response.json()
  } catch (notJSON) {} // a gateway's page, or nothing
  const { errno, data: found } = reply || {}
  const jobs = Array.isArray(found) ? found.filter((job) => job && job.jobUuid) : []
  const isRejection = jobs.length === 0 && // jobs would belie it
    ([401, 403, 429].includes(code) || code < 500 && rejections.includes(errno))
  return { code, errno, jobs, isAcceptance: code === 200 && errno === 0, isRejection }
}
