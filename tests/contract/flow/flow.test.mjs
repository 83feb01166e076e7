import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { snapshotUuid, startMock } from '../mock.mjs'
import { redocly, respect } from './respect.mjs'
import { accepted, envelope, html, job, startScripted } from './scripted.mjs'

const inputs = { region: 'gz', snapshotUuid, name: 'web-01', targetRegion: 'bj' }

const dir = mkdtempSync(join(tmpdir(), 'flow-'))
after(() => rmSync(dir, { recursive: true }))

test('lint finds nothing', async () => {
  const { code, output } = await redocly(['lint', 'images.arazzo.yaml'])
  assert.equal(code, 0, output)
})

describe('against cimg mock', { concurrency: 2 }, () => {
  let mock
  before(async () => { mock = await startMock('--strict', '--job-duration', '300ms') })
  after(() => mock.stop())

  test('every workflow runs to its end', async () => {
    const run = await respect(dir, { ...mock, inputs })
    assert.equal(run.code, 0, run.output)
    assert.deepEqual(run.steps.map(s => s.stepId), [
      'create', 'waitForImage', // createImage
      'create', 'waitForImage', 'import', 'waitForCopy', // copyImage
      'create', // createFromNothing
    ])
    const [create, waitForImage, importStep, waitForCopy] = run.steps.slice(2)
    assert.equal(importStep.request.body.cimg[0].originImageUuid, create.response.body.data[0].resourceUuid)
    for (const [step, started] of [[waitForImage, create], [waitForCopy, importStep]]) {
      const [{ done, success, jobUuid }] = step.response.body.data
      assert.deepEqual({ done, success, jobUuid }, { done: true, success: true, jobUuid: started.response.body.data[0].jobUuid })
    }
    assert.equal(run.steps.at(-1).response.body.errno, 41017)
  })

  test('a rejected token ends it', async () => {
    const token = 'not-the-token-0123456789'
    const run = await respect(dir, { url: mock.url, token, inputs, workflows: ['copyImage'] })
    assert.equal(run.code, 1, run.output)
    assert.deepEqual(run.steps.map(s => s.stepId), ['create'])
    assert.match(run.output, /"errno": 4,/)
  })
})

describe('against scripted responses', { concurrency: 3 }, () => {
  const cases = [
    { name: 'a job that is in progress or missing is polled again', polls: [job({ done: false }), envelope({ data: [] }), job({ done: true, success: true })], code: 0 },
    { name: 'a finished job names its image', create: envelope({ data: [{ ...accepted, resourceUuid: undefined }] }), polls: [job({ done: true, success: true })], code: 0 },
    { name: 'a transient error is tolerated', polls: [envelope({ errno: 3 }), html(503), html(408), job({ done: true, success: true })], code: 0 },
    { name: 'a rejected id is polled again', polls: [envelope({ errno: 1 }), envelope({ errno: 41026 }), html(400), html(404), job({ done: true, success: true })], code: 0 },
    { name: 'another job is not a success', polls: [job({ jobUuid: 'another', done: true, success: true })], code: 1 },
    { name: 'a job that outlasts the retries ends it', polls: [job({ done: false }), job({ done: false })], file: impatient(), code: 1 },
    { name: 'a failed job ends it', polls: [job({ done: true, success: false, progress: 57, result: 'no' })], code: 1 },
    { name: 'a rejected poll ends it', polls: [envelope({ errno: 4 })], code: 1 },
    { name: 'a create with an unknown outcome is sent once', create: envelope({ errno: 2 }), polls: [], code: 1 },
    { name: 'a create with the response of a gateway is sent once', create: html(502), polls: [], code: 1 },
    { name: 'two jobs for one image are not a success', create: envelope({ data: [accepted, accepted] }), polls: [], code: 1 },
  ]
  for (const { name, create = envelope({ data: [accepted] }), polls, file, code } of cases) {
    test(name, async () => {
      const server = await startScripted([create, ...polls])
      try {
        const workflows = [code ? 'copyImage' : 'createImage'] // a failure keeps the copy from being sent
        const run = await respect(dir, { url: server.url, token: 'a-token-0123456789', inputs, file, workflows })
        assert.equal(run.code, code, run.output)
        assert.deepEqual(server.requests.map(r => r.method), ['POST', ...polls.map(() => 'GET')])
        assert.ok(server.requests.every(r => r.headers.authorization === 'Bearer a-token-0123456789'))
      } finally {
        server.close()
      }
    })
  }
})

/** Writes a copy of the document that polls a job in progress only once more. */
function impatient() {
  const at = name => new URL(name, import.meta.url).pathname
  const copy = join(dir, 'impatient.arazzo.yaml')
  writeFileSync(copy, readFileSync(at('images.arazzo.yaml'), 'utf8')
    .replace('url: openapi.yaml', `url: ${at('openapi.yaml')}`)
    .replace('retryLimit: 600', 'retryLimit: 1'))
  return copy
}
