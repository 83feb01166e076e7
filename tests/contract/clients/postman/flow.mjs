// Builds a collection that creates images and copies them, from the requests that
// openapi-to-postmanv2 has generated from openapi.yaml. It adds values, and
// scripts that implement the rules.
import { readFileSync, writeFileSync } from 'node:fs'

const here = (path) => new URL(path, import.meta.url)
const read = (path) => readFileSync(here(path), 'utf8')

const collection = JSON.parse(read('generated/cimg.json'))
const requests = collection.item.flatMap((folder) => folder.item)

/** Returns a request of the collection, with another name and with scripts. */
function step(name, path, { body, query, before = '', after }) {
  const item = structuredClone(requests.find(({ request }) => request.url.path.join('/').endsWith(path)))
  item.name = item.request.name = name
  if (body) item.request.body.raw = JSON.stringify(body(JSON.parse(item.request.body.raw)), null, 2)
  for (const parameter of item.request.url.query) parameter.value = query[parameter.key]
  // A 307 would send a POST again.
  item.protocolProfileBehavior = { ...item.protocolProfileBehavior, followRedirects: false }
  item.event = [
    { listen: 'prerequest', script: { type: 'text/javascript', exec: [stop, before] } },
    { listen: 'test', script: { type: 'text/javascript', exec: after } },
  ]
  return item
}

// Postman continues after a script that throws. So each request is the last one
// unless the script after it names the next.
const stop = 'pm.execution.setNextRequest(null)'
const rules = read('scripts/rules.js')
const mutate = (outcome, next) => ({
  after: [rules, read('scripts/mutate.js'), `expectOutcome(${JSON.stringify(outcome)}, ${JSON.stringify(next)})`],
})
const wait = (region, next) => ({
  query: { regionId: region, jobUuids: '{{jobUuids}}' },
  before: read('scripts/pause.js'),
  after: [rules, read('scripts/poll.js'), `expectJobs(${JSON.stringify(next)})`],
})

collection.item = [
  step('Create two images', 'cimg/create', {
    body: ({ cimg: [image] }) => ({ regionId: 'gz', cimg: [image, { ...image, name: `${image.name} 2` }] }),
    ...mutate('accepted', 'Wait for the images'),
  }),
  step('Wait for the images', 'result', wait('gz', 'Copy them')),
  step('Copy them', 'cimg/import', {
    body: ({ cimg: [copy] }) => ({
      regionId: 'bj',
      cimg: [
        { ...copy, originRegionId: 'gz', originImageUuid: '{{image0}}' },
        { ...copy, originRegionId: 'gz', originImageUuid: '{{image1}}', name: `${copy.name} 2` },
      ],
    }),
    ...mutate('accepted', 'Wait for the copies'),
  }),
  step('Wait for the copies', 'result', wait('bj', 'Create from no snapshot')),
  step('Create from no snapshot', 'cimg/create', {
    body: ({ regionId, cimg: [image] }) => ({ regionId, cimg: [{ ...image, snapUuid: 'no-such-snapshot' }] }),
    ...mutate('rejected', null),
  }),
]
// The generated default is production, which a user must choose explicitly.
collection.variable.find(({ key }) => key === 'baseUrl').value = 'http://127.0.0.1:8080'
collection.variable.push(
  { key: 'bearerToken', value: '' },
  { key: 'firstPause', value: '1000' },
  { key: 'requestInterval', value: '1000' },
  { key: 'grace', value: '30000' },
  { key: 'maxWait', value: '3600000' },
)
writeFileSync(here('generated/flow.json'), JSON.stringify(collection, null, 2))
