// cimg.sh against `cimg mock`, and against the responses that the examples in all
// languages are tested with.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { snapshotUuid, startMock } from '../mock.mjs'
import { envelope, html, job, json, respond, serve, unusedURL } from './servers.mjs'

const read = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url)))
const urls = read('urls.json')
const script = new URL('shell/cimg.sh', import.meta.url).pathname

/** Writes programs into a folder and returns a PATH on which they come first; theirs is without. */
function pathWith(programs) {
  const folder = mkdtempSync(join(tmpdir(), 'path-'))
  after(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\nPATH=\${PATH#*:}\n${text}\n`, { mode: 0o700 })
  }
  return `${folder}:${process.env.PATH}`
}

// The pauses are whole seconds. Here one takes 10 ms.
const quick = pathWith({ sleep: 'exec sleep "$(($1 / 100)).$(printf %02d $(($1 % 100)))"' })

/** Runs the script and returns its exit status and what it prints. */
function run({ url, token = 'token' }, args, settings) {
  const env = { ...process.env, PATH: quick, CIMG_URL: url, CIMG_TOKEN: token, CIMG_DEADLINE: '600', ...settings }
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
  const control = async (path, body, method = body ? 'POST' : 'GET') => (await fetch(`${mock.url}/_emulator/${path}`, { method, body: JSON.stringify(body) })).json()

  test('creates two images, waits for them and finds them', async () => {
    const names = ['one', "it's \\t two"]
    const { code, stdout, stderr } = await create(...names)
    assert.equal(code, 0, stderr)
    const waited = await run(mock, ['wait', 'gz', ...stdout.trim().split('\n')])
    assert.equal(waited.code, 0, waited.stderr)
    for (const name of names) {
      const found = await run(mock, ['find', 'gz', name])
      assert.equal(found.code, 0)
      assert.ok(waited.stdout.split('\n').includes(found.stdout.trim()))
    }
    assert.deepEqual(await run({ ...mock, url: `${mock.url}/` }, ['find', 'gz', 'another'], { CIMG_WINDOW: '0' }),
      { code: 5, stdout: '', stderr: 'cimg.sh: no image is named another yet\n' })
  })

  test('an image whose response is lost is found, though listed late, and not created twice', async (t) => {
    t.after(() => control('scenario', undefined, 'DELETE'))
    await control('scenario', { listLag: '500ms', faults: [{ operation: 'createCIMG', after: true, reset: true }] }, 'PUT')
    const created = (await control('requests')).createCIMG
    const lost = await create('lost')
    assert.equal(lost.code, 5, lost.stderr)
    const found = await run(mock, ['find', 'gz', 'lost'])
    const images = (await control('images?regionId=gz')).filter((image) => image.name === 'lost')
    assert.deepEqual(images.map((image) => image.cimgUuid), [found.stdout.trim()])
    assert.equal((await control('requests')).createCIMG, created + 1)
  })

  test('a name that looks like an option is a name', async () => {
    const names = ['-n', '--', '--arg']
    const { code, stdout, stderr } = await create(...names)
    assert.equal(code, 0, stderr)
    assert.equal(stdout.trim().split('\n').length, names.length)
    for (const name of names) assert.equal((await run(mock, ['find', 'gz', name])).code, 0, name)
  })

  test('a create with an unknown snapshot is rejected', async () => {
    const { code, stderr } = await run(mock, ['create', 'gz', 'no-such-snapshot', 'rejected'])
    assert.equal(code, 3)
    assert.match(stderr, /^cimg.sh: rejected: .*errno 41017/)
  })
})

describe('against scripted responses', { concurrency: 2 }, () => {
  const kinds = { 0: 'accepted', 3: 'rejected', 5: 'unknown' }
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
      const { code, stdout, stderr } = await run(server, ['wait', 'gz', 'a'], { CIMG_GRACE: '0' })
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
      const { code, stderr } = await run(server, ['create', 'gz', 's', 'one'])
      assert.equal(code, 5)
      assert.match(stderr, /no response, curl \d+/)
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

  test('a wait goes on after a job that failed, and one that does not name its image', async (t) => {
    const end = (jobUuid, change) => json(200, envelope(0, [job({ jobUuid, done: true, ...change })]))
    const server = await serveEach(t, end('a/b', { result: 'no space' }), json(200, envelope(0, [job({ jobUuid: 'b', resourceUuid: 'i' })])),
      end('b', { success: true, resourceUuid: null }), end('c', { success: true }), end('d'))
    const { code, stdout, stderr } = await run(server, ['wait', 'gz', 'a/b', 'b', 'c', 'd'])
    assert.deepEqual([code, stdout], [4, 'i\n'])
    assert.match(stderr, /job a\/b failed: no space\n.*job c succeeded, but does not name its image.*\n.*job d failed: no reason given\n$/)
    assert.equal(server.requests[0], 'GET /dicloud/i/result?regionId=gz&jobUuids=a%2Fb')
  })

  test('an id that looks like an option is an id', async (t) => {
    const server = await serveEach(t, json(200, envelope(0, [job({ jobUuid: '-n', done: true, success: true, resourceUuid: 'i' })])))
    assert.deepEqual(await run(server, ['wait', 'gz', '-n'], { CIMG_DEADLINE: '2' }), { code: 0, stdout: 'i\n', stderr: '' })
    assert.deepEqual(server.requests, ['GET /dicloud/i/result?regionId=gz&jobUuids=-n'])
  })

  const later = (value) => (response) => { response.setHeader('Retry-After', value); html(429)(response) }
  for (const [name, respondWith, code, text, settings] of [
    ['a job that never finishes', json(200, envelope(0, [job()])), 6, /gave up waiting; left: a b\n/, { CIMG_DEADLINE: '0' }],
    ['a rejected poll', html(401), 5, /rejected: HTTP 401, no envelope; left: a b\n/],
    ['Retry-After beyond the deadline', later('3600'), 6, /gave up/],
    ['a date beyond the deadline', later(new Date(Date.now() + 3_600_000).toUTCString()), 6, /gave up/],
    ['a huge Retry-After', later('9'.repeat(30)), 6, /gave up/],
  ]) {
    test(`${name} ends the wait`, async (t) => {
      const result = await run(await serveEach(t, respondWith), ['wait', 'gz', 'a', 'b'], settings)
      assert.equal(result.code, code, result.stderr)
      assert.match(result.stderr, text)
    })
  }

  test('a Retry-After without a time to wait is ignored', async (t) => {
    const server = await serveEach(t, ...['0', 'soon', '-1', new Date(0).toUTCString()].map(later), done)
    assert.deepEqual(await run(server, ['wait', 'gz', 'a']), { code: 0, stdout: 'image\n', stderr: '' })
  })

  test('pauses grow by half, and by a second at least', async (t) => {
    for (const [first, pauses] of [[undefined, [1, 2, 4]], ['0', [0, 1, 2, 4]], ['10', [10, 16, 25]], ['50', [50, 60, 60]]]) {
      const PATH = pathWith({ sleep: 'echo "slept $1" >&2' })
      const server = await serveEach(t, ...pauses.slice(1).map(() => json(200, envelope(0, [job()]))), done)
      const { stderr } = await run(server, ['wait', 'gz', 'a'], { PATH, ...first && { CIMG_PAUSE: first } })
      assert.deepEqual(stderr.match(/\d+/g).map(Number), pauses)
    }
  })

  test('a setting that is no whole number of seconds is wrong usage', async (t) => {
    const server = await serveEach(t, done)
    for (const name of ['CIMG_PAUSE', 'CIMG_GRACE', 'CIMG_DEADLINE', 'CIMG_WINDOW']) {
      for (const value of ['0.5', '-1', '1s', ' 1', '08', '9'.repeat(20), '1\n2']) {
        const { code, stderr } = await run(server, ['wait', 'gz', 'a'], { [name]: value })
        assert.equal(code, 2, `${name}=${value}`)
        assert.match(stderr, /whole numbers of seconds/)
      }
    }
    assert.deepEqual(server.requests, [])
  })

  test('wrong usage sends nothing', async (t) => {
    const server = await serve(t, (_, response) => response.end())
    for (const args of [[], ['create'], ['create', 'gz', 's'], ['create', 'gz', 's', ''], ['wait', 'gz'], ['wait', 'gz', ''], ['find', 'gz'], ['copy', 'gz', 'a']]) {
      const { code, stderr } = await run(server, args)
      assert.equal(code, 2, args)
      assert.equal(stderr, 'usage: sh cimg.sh create REGION SNAPSHOT NAME...\n       sh cimg.sh wait REGION JOB...\n       sh cimg.sh find REGION NAME\n')
    }
    for (const settings of [{ CIMG_TOKEN: '' }, { CIMG_TOKEN: 'secret\nsecret' }, ...urls.wrong.map((url) => ({ CIMG_URL: url }))]) {
      const { code, stderr } = await run(server, ['create', 'gz', 's', 'one'], settings)
      assert.equal(code, 2, JSON.stringify(settings))
      assert.match(stderr, /^cimg.sh: CIMG_(URL|TOKEN) is (not|empty)/)
      assert.doesNotMatch(stderr, /secret/)
    }
    assert.deepEqual(server.requests, [])
  })

  test('unknown: interrupted while the create was on its way', async (t) => {
    let arrived
    const arrival = new Promise((resolve) => { arrived = resolve })
    const server = await serve(t, () => arrived())
    const env = { ...process.env, CIMG_URL: server.url, CIMG_TOKEN: 'token' }
    const program = spawn('sh', [script, 'create', 'gz', 's', 'one'], { env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
    await arrival
    process.kill(-program.pid, 'SIGINT') // to its curl, too, as a terminal does
    const [stderr, [code]] = await Promise.all([text(program.stderr), once(program, 'exit')])
    assert.deepEqual([code, stderr], [5, 'cimg.sh: interrupted\n'])
  })

  test('not sent: no connection', async () => {
    for (const url of [await unusedURL(), ...urls.right]) {
      const { code, stderr } = await run({ url }, ['create', 'gz', 's', 'one'])
      assert.equal(code, 1, url)
      assert.match(stderr, /^cimg.sh: not sent: curl \d+\n$/)
    }
  })

  test('unknown: jq fails once the create was sent; not sent: before', async (t) => {
    for (const [calls, code, sent] of [[1, 5, 1], [0, 1, 0]]) {
      const PATH = pathWith({ jq: `echo >>"$0.calls"\n[ "$(wc -l <"$0.calls")" -le ${calls} ] || exit 3\nexec jq "$@"` })
      const server = await serveEach(t, json(200, envelope(0, [job()])))
      assert.equal((await run(server, ['create', 'gz', 's', 'one'], { PATH })).code, code)
      assert.equal(server.requests.length, sent)
    }
  })

  test('the list ends even if every page is the first, and one that cannot be read is not empty', async (t) => {
    const items = [{ cimgUuid: 'a', name: 'one' }, { cimgUuid: 'b', name: 'One' }]
    for (const data of [items, { count: 2, items }]) {
      const server = await serveEach(t, json(200, envelope(0, data)))
      assert.deepEqual(await run(server, ['find', 'gz', 'one']), { code: 0, stdout: 'a\n', stderr: '' })
      assert.equal(server.requests.length, 2)
    }
    for (const broken of [json(200, envelope(2, [])), json(500, envelope(0, [])), html(200), json(200, envelope(0, null))]) {
      const { code, stderr } = await run(await serveEach(t, broken), ['find', 'gz', 'one'], { CIMG_WINDOW: '0' })
      assert.equal(code, 5)
      assert.match(stderr, /cannot list: HTTP/)
    }
  })
})
