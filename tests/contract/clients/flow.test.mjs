// The TypeScript clients against the emulator.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { snapshotUuid, startMock } from '../mock.mjs'
import { envelope, html, job, json, load, forward, copyTo, serve, tools } from './servers.mjs'

const waiting = { pauseBefore: () => 50, deadline: 20_000 }

let mock
before(async () => { mock = await startMock('--strict', '--job-duration', '300ms') })
after(() => mock.stop())

for (const tool of tools) {
  describe(tool, async () => {
    const { connect, createAndCopy, createImages, imagesNamed, waitFor } = await load(tool)
    const image = (name) => ({ name: `${tool} ${name}`, snapUuid: snapshotUuid })

    test('creates an image and copies it', async () => {
      const order = { ...image('copied'), from: 'gz', to: 'bj' }
      const saved = []
      const save = async (regionId, jobs) => { saved.push([regionId, jobs.length]) }
      const copies = await createAndCopy(connect(mock.url, mock.token), order, { ...waiting, save })
      assert.deepEqual(saved, [['gz', 1], ['bj', 1]])
      assert.equal((await listed('gz', order.name)).length, 1)
      assert.deepEqual((await listed('bj', order.name)).map((image) => image.cimgUuid), copies)
    })

    test('a create with an unknown snapshot is rejected', async () => {
      const unknown = { ...image('rejected'), snapUuid: 'no-such-snapshot' }
      const outcome = await createImages(connect(mock.url, mock.token), 'gz', [unknown])
      assert.equal(outcome.kind, 'rejected')
      assert.match(outcome.reason, /errno 41017/)
      assert.deepEqual(await listed('gz', unknown.name), [])
    })

    test('the error of a failed import names the image to copy', async (t) => {
      const { url, requests } = await serve(t, (request, response) =>
        request.url.endsWith('/import') ? html(502)(response) : forward(mock.url, request, copyTo(response)))
      const order = { ...image('not copied'), from: 'gz', to: 'bj' }
      const copying = createAndCopy(connect(url, mock.token), order, { ...waiting, window: 0 })
      await assert.rejects(copying, ({ message, outcome, found }) =>
        /^import of [0-9a-f]{32}: unknown: HTTP 502.*; not found in bj$/.test(message) && outcome.kind === 'unknown' && found.length === 0)
      assert.equal(requests.filter((request) => request.endsWith('/import')).length, 1)
    })

    test('a job without its image is not copied', async (t) => {
      const nameless = json(200, envelope(0, [job({ done: true, success: true, resourceUuid: '' })]))
      const { url, requests } = await serve(t, (_, response) => nameless(response))
      await assert.rejects(createAndCopy(connect(url, 'token'), { ...image('nameless'), from: 'gz', to: 'bj' }, waiting), /does not name its image/)
      assert.deepEqual(requests, ['POST /dicloud/i/storage/cimg/create'])
    })

    test('the list ends even if every page is the first', async (t) => {
      const page = json(200, envelope(0, { count: 2, items: [{ cimgUuid: 'a', name: 'one' }, { cimgUuid: 'b', name: 'One' }] }))
      const { url, requests } = await serve(t, (_, response) => requests.length < 5 ? page(response) : html(500)(response))
      const found = await imagesNamed(connect(url, 'token'), 'gz', 'one')
      assert.deepEqual(found.map((image) => image.cimgUuid), ['a'])
      assert.equal(requests.length, 2)
    })

    test('a bare array of images is read as a list', async (t) => {
      const { url } = await serve(t, (_, response) => json(200, envelope(0, [{ cimgUuid: 'a', name: 'one' }]))(response))
      assert.equal((await imagesNamed(connect(url, 'token'), 'gz', 'one')).length, 1)
    })

    for (const [name, respond] of [['errno 2', json(200, envelope(2, { items: [] }))], ['HTTP 500', json(500, envelope(0, { items: [] }))], ['HTML', html(200)], ['null', json(200, envelope(0, null))]]) {
      test(`a list that cannot be read is an error, not empty: ${name}`, async (t) => {
        const { url } = await serve(t, (_, response) => respond(response))
        await assert.rejects(imagesNamed(connect(url, 'token'), 'gz', 'one'), /cannot list/)
      })
    }

    test('two jobs are polled in one request, their ids joined by a comma', async (t) => {
      const { url, requests } = await serve(t, (request, response) => forward(mock.url, request, copyTo(response)))
      const cimg = connect(`${url}/`, mock.token)
      const { jobs } = await createImages(cimg, 'gz', [image('one'), image('two')])
      const finished = await waitFor(cimg, 'gz', jobs, waiting)

      assert.deepEqual(finished.map((job) => job.success), [true, true])
      const [create, firstPoll] = requests
      assert.equal(create, 'POST /dicloud/i/storage/cimg/create')
      assert.equal(decodeURIComponent(firstPoll), `GET /dicloud/i/result?regionId=gz&jobUuids=${jobs[0].jobUuid},${jobs[1].jobUuid}`)
    })

    test('an image whose response is lost is found, and not created twice', async (t) => {
      t.after(() => control('DELETE', 'scenario'))
      await control('PUT', 'scenario', { listLag: '300ms', faults: [{ operation: 'createCIMG', after: true, reset: true }] })
      const before = (await control('GET', 'requests')).createCIMG
      const order = { ...image('lost'), from: 'gz', to: 'bj' }
      const error = await createAndCopy(connect(mock.url, mock.token), order, { ...waiting, lookInterval: 50 }).catch((error) => error)
      assert.equal(error.outcome.kind, 'unknown')
      const images = (await control('GET', 'images?regionId=gz')).filter((image) => image.name === order.name)
      assert.deepEqual(error.found, images.map((image) => image.cimgUuid))
      assert.equal(error.found.length, 1)
      assert.match(error.message, new RegExp(`^create: unknown: .*; found in gz: ${error.found}$`))
      assert.equal((await control('GET', 'requests')).createCIMG, before + 1)
    })
  })
}

for (const comma of [',', '%2C']) {
  test(`the emulator accepts ${comma} between ids`, async () => {
    const response = await fetch(`${mock.url}/dicloud/i/result?regionId=gz&jobUuids=a${comma}b`, { headers: authorization() })
    assert.equal((await response.json()).errno, 0)
  })
}

/** Calls the control API. */
async function control(method, path, body) {
  const response = await fetch(`${mock.url}/_emulator/${path}`, { method, body: JSON.stringify(body) })
  assert.equal(response.status, 200, await response.clone().text())
  return response.json()
}

/** Lists the images of a name without any of the clients. */
async function listed(regionId, name) {
  const body = JSON.stringify({ regionId, start: 0, limit: 100, condition: { names: [name] } })
  const headers = { ...authorization(), 'Content-Type': 'application/json' }
  const response = await fetch(`${mock.url}/dicloud/i/storage/cimg/list`, { method: 'POST', headers, body })
  return (await response.json()).data.items
}

function authorization() {
  return { Authorization: `Bearer ${mock.token}` }
}
