// cimg.sh against `cimg mock`, and against the responses that the examples in all
// languages are tested with.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { snapshotUuid, startMock } from '../mock.mjs'
import { envelope, html, job, json, respond, serve } from './servers.mjs'

const read = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url)))
const script = new URL('shell/cimg.sh', import.meta.url).pathname

/** Runs the script and returns its exit status and what it prints. */
function run({ url, token = 'token' }, args, settings) {
  const env = { ...process.env, CIMG_URL: url, CIMG_TOKEN: token, CIMG_PAUSE: '0', CIMG_DEADLINE: '20', ...settings }
  return new Promise((resolve) => {
    execFile('sh', [script, ...args], { env }, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }))
  })
}

/** Serves these responses, one after the other; the last one repeats. */
const serveEach = (t, ...responses) => serve(t, (request, response) => request.resume().on('end', () => {
  const next = responses.length > 1 ? responses.shift() : responses[0]
  next(response)
}))

const done = json(200, envelope(0, [job({ done: true, success: true, resourceUuid: 'image' })]))

describe('against cimg mock', () => {
  let mock
  before(async () => { mock = await startMock('--strict', '--job-duration', '300ms') })
  after(() => mock.stop())
  const create = (...names) => run(mock, ['create', 'gz', snapshotUuid, ...names])
  const control = async (path, body) => (await fetch(`${mock.url}/_emulator/${path}`, body && { method: 'POST', body: JSON.stringify(body) })).json()

  test('creates two images, waits for them and finds them', async () => {
    const names = ['one', "it's \\t two"]
    const { code, stdout, stderr } = await create(...names)
    assert.equal(code, 0, stderr)
    const waited = await run(mock, ['wait', 'gz', ...stdout.trim().split('\n')], { CIMG_PAUSE: '1' })
    assert.equal(waited.code, 0, waited.stderr)
    for (const name of names) {
      const found = await run(mock, ['find', 'gz', name])
      assert.equal(found.code, 0)
      assert.ok(waited.stdout.split('\n').includes(found.stdout.trim()))
    }
    assert.equal((await run(mock, ['find', 'gz', 'another'])).code, 5)
  })

  test('an image whose response is lost is found, and not created twice', async () => {
    await control('faults', { operation: 'createCIMG', after: true, reset: true })
    const created = (await control('requests')).createCIMG
    const lost = await create('lost')
    assert.equal(lost.code, 2, lost.stderr)
    const found = await run(mock, ['find', 'gz', 'lost'])
    const images = (await control('images?regionId=gz')).filter((image) => image.name === 'lost')
    assert.deepEqual(images.map((image) => image.cimgUuid), [found.stdout.trim()])
    assert.equal((await control('requests')).createCIMG, created + 1)
  })

  test('a create with an unknown snapshot is rejected', async () => {
    const { code, stderr } = await run(mock, ['create', 'gz', 'no-such-snapshot', 'rejected'])
    assert.equal(code, 1)
    assert.match(stderr, /^rejected: .*errno 41017/)
  })
})

describe('against scripted responses', { concurrency: 2 }, () => {
  const kinds = { 0: 'accepted', 1: 'rejected', 2: 'unknown', 3: 'not sent' }
  for (const outcome of read('outcomes.json')) {
    test(`${outcome.kind}: ${outcome.name}`, async (t) => {
      const server = await serveEach(t, (response) => respond(response, outcome))
      const { code, stderr } = await run(server, ['create', 'gz', 's', 'one', 'two'])
      assert.equal(kinds[code], outcome.kind, stderr)
      assert.deepEqual(server.requests, ['POST /dicloud/i/storage/cimg/create'])
    })
  }

  for (const poll of read('polls.json')) {
    test(`${poll.kind}: ${poll.name}`, async (t) => {
      const server = await serveEach(t, (response) => respond(response, poll), done)
      const { code, stdout, stderr } = await run(server, ['wait', 'gz', 'a'], { CIMG_GRACE: '-1' })
      const kind = code === 0 ? 'transient' : /not found/.test(stderr) ? 'bad id' : 'permanent'
      assert.equal(kind, poll.kind, stderr)
      if (code === 0) assert.equal(stdout, 'image\n')
    })
  }

  test('unknown: a connection that breaks, and a response that breaks off', async (t) => {
    for (const fail of [
      (response) => response.socket.destroy(),
      (response) => response.writeHead(200, { 'Content-Length': '100' }).write('{"errno":0', () => response.socket.destroy()),
    ]) {
      const server = await serveEach(t, fail)
      assert.equal((await run(server, ['create', 'gz', 's', 'one'])).code, 2)
      assert.equal(server.requests.length, 1)
    }
  })

  test('an unknown outcome keeps the jobs and the requestId', async (t) => {
    const server = await serveEach(t, json(200, { ...envelope(0, [job()]), requestId: 'r-17' }))
    const { stderr } = await run(server, ['create', 'gz', 's', 'one', 'two'])
    assert.match(stderr, /request r-17; jobs a\n$/)
  })

  test('a wait tolerates a job that is not known yet, and contradictions', async (t) => {
    const server = await serveEach(t, (response) => response.socket.destroy(), json(200, envelope(13)), json(200, envelope(0, null)),
      json(200, envelope(0, [job({ progress: 100 })])), json(200, envelope(0, [{ jobUuid: 'a', done: 'true' }])),
      json(200, envelope(0, [job({ done: true, success: true, resourceUuid: 'i' }), job()])))
    const { stdout, stderr } = await run(server, ['wait', 'gz', 'a'])
    assert.equal(stdout, 'i\n', stderr)
    assert.equal(server.requests.length, 6)
  })

  const later = (response) => { response.setHeader('Retry-After', '3600'); html(429)(response) }
  for (const [name, respondWith, code, text, settings] of [
    ['a job that fails', json(200, envelope(0, [job({ done: true, result: 'no space' })])), 1, /no space/],
    ['a job that never finishes', json(200, envelope(0, [job()])), 4, /gave up/, { CIMG_DEADLINE: '0', CIMG_PAUSE: '1' }],
    ['Retry-After beyond the deadline', later, 4, /gave up/],
  ]) {
    test(`${name} ends the wait`, async (t) => {
      const result = await run(await serveEach(t, respondWith), ['wait', 'gz', 'a'], settings)
      assert.equal(result.code, code, result.stderr)
      assert.match(result.stderr, text)
    })
  }

  test('the list ends even if every page is the first, and one that cannot be read is not empty', async (t) => {
    const items = [{ cimgUuid: 'a', name: 'one' }, { cimgUuid: 'b', name: 'One' }]
    for (const data of [items, { count: 2, items }]) {
      const server = await serveEach(t, json(200, envelope(0, data)))
      assert.deepEqual(await run(server, ['find', 'gz', 'one']), { code: 0, stdout: 'a\n', stderr: '' })
      assert.equal(server.requests.length, 2)
    }
    for (const broken of [json(200, envelope(2, [])), json(500, envelope(0, [])), html(200), json(200, envelope(0, null))]) {
      assert.equal((await run(await serveEach(t, broken), ['find', 'gz', 'one'])).code, 2)
    }
  })
})
