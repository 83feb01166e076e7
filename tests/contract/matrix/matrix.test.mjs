// Generates clients of openapi.yaml, which is taken as it is, with many tools, and
// checks what each sends when it asks for two images and two jobs. The table of
// docs/other-languages.md lists the same tools.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import newman from 'newman'
import { OpenAPIClientAxios } from 'openapi-client-axios'
import createFetchClient from 'openapi-fetch'
import { Fetcher } from 'openapi-typescript-fetch'
import { copyTo, forward, serve } from '../clients/servers.mjs'
import { snapshotUuid, startMock } from '../mock.mjs'

const here = new URL('.', import.meta.url).pathname
const read = (path) => readFileSync(here + path, 'utf8')
const createPath = '/dicloud/i/storage/cimg/create'
const jobsPath = '/dicloud/i/result'
const bearer = (token) => ({ Authorization: `Bearer ${token}` })
const data = ({ data }) => data

// For each tool, and the packages that its clients use:
// - the command that generates a client from $contract in generated/,
// - the TypeScript that it generates,
// - the functions that send a request with it and return the envelope.
const tools = {
  'swagger-typescript-api': {
    generate: 'swagger-typescript-api generate --path $contract --output generated --name swagger-typescript-api.ts',
    code: 'swagger-typescript-api.ts',
    connect: ({ Api }, baseUrl, token) => {
      const { dicloud } = new Api({ baseUrl, baseApiParams: { headers: bearer(token) } })
      return { create: (body) => dicloud.createCimg(body).then(data), jobs: (query) => dicloud.getJobResult(query).then(data) }
    },
  },
  'openapi-typescript-codegen': {
    // Its command has the name of another, Redocly's.
    generate: 'node ../node_modules/openapi-typescript-codegen/bin/index.js --input $contract --output generated/openapi-typescript-codegen',
    code: 'openapi-typescript-codegen/index.ts',
    connect: ({ OpenAPI, ImagesService, JobsService }, BASE, TOKEN) => {
      Object.assign(OpenAPI, { BASE, TOKEN })
      return { create: (body) => ImagesService.createCimg(body), jobs: ({ regionId, jobUuids }) => JobsService.getJobResult(regionId, jobUuids) }
    },
  },
  'orval + axios': {
    generate: 'orval --input $contract --output generated/orval.ts',
    code: 'orval.ts',
    connect: ({ createCIMG, getJobResult }, baseURL, token) => {
      const options = { baseURL, headers: bearer(token) }
      return { create: (body) => createCIMG(body, options).then(data), jobs: (query) => getJobResult(query, options).then(data) }
    },
  },
  'openapi-zod-client + @zodios/core + zod': {
    generate: 'openapi-zod-client $contract --output generated/openapi-zod-client.ts',
    code: 'openapi-zod-client.ts',
    connect: ({ createApiClient }, url, token) => {
      const api = createApiClient(url, { axiosConfig: { headers: bearer(token) } })
      return { create: (body) => api.post(createPath, body), jobs: (queries) => api.get(jobsPath, { queries }) }
    },
  },
  'openapi-client-axios + axios': {
    connect: async (_, baseURL, token) => {
      const definition = `${mock.url}/openapi.json`
      const client = await new OpenAPIClientAxios({ definition, axiosConfigDefaults: { baseURL, headers: bearer(token) } }).init()
      return { create: (body) => client.createCIMG(null, body).then(data), jobs: (query) => client.getJobResult(query).then(data) }
    },
  },
  'openapi-typescript + openapi-fetch': {
    generate: 'openapi-typescript $contract --output generated/openapi-typescript.ts',
    connect: (_, baseUrl, token) => {
      const { GET, POST } = createFetchClient({ baseUrl, headers: bearer(token) })
      return { create: (body) => POST(createPath, { body }).then(data), jobs: (query) => GET(jobsPath, { params: { query } }).then(data) }
    },
  },
  'openapi-typescript + openapi-typescript-fetch': {
    connect: (_, baseUrl, token) => {
      const fetcher = Fetcher.for()
      fetcher.configure({ baseUrl, init: { headers: bearer(token) } })
      const create = fetcher.path(createPath).method('post').create()
      const jobs = fetcher.path(jobsPath).method('get').create()
      return { create: (body) => create(body).then(data), jobs: (query) => jobs(query).then(data) }
    },
  },
  '@hey-api/openapi-ts': {
    generate: 'openapi-ts --input $contract --output generated/hey-api',
    code: 'hey-api/index.ts',
    connect: ({ createCimg, getJobResult }, baseUrl, auth) => ({
      create: (body) => createCimg({ baseUrl, auth, body }).then(data),
      jobs: (query) => getJobResult({ baseUrl, auth, query }).then(data),
    }),
  },
  'oazapfts + @oazapfts/runtime': {
    generate: 'oazapfts $contract generated/oazapfts.ts',
    code: 'oazapfts.ts',
    connect: ({ defaults, createCimg, getJobResult }, baseUrl, token) => {
      Object.assign(defaults, { baseUrl, headers: bearer(token) })
      return { create: (body) => createCimg(body).then(data), jobs: ({ regionId, jobUuids }) => getJobResult(regionId, jobUuids).then(data) }
    },
  },
  'openapi-to-postmanv2 + newman': {
    generate: 'openapi2postmanv2 --spec $contract --output generated/postman.json',
    connect: (_, baseUrl, bearerToken) => {
      const collection = JSON.parse(read('generated/postman.json'))
      const requests = (items) => items.flatMap((item) => item.item ? requests(item.item) : item)
      const send = async (path, fill) => {
        const item = structuredClone(requests(collection.item).find(({ request }) => path.endsWith(request.url.path.join('/'))))
        fill(item.request)
        const envVar = Object.entries({ baseUrl, bearerToken }).map(([key, value]) => ({ key, value }))
        const { run } = await promisify(newman.run)({ collection: { ...collection, item: [item] }, envVar })
        return run.executions[0].response.json()
      }
      return {
        create: (body) => send(createPath, (request) => { request.body.raw = JSON.stringify(body) }),
        jobs: (query) => send(jobsPath, ({ url }) => { for (const parameter of url.query) parameter.value = query[parameter.key] }),
      }
    },
  },
  ogen: {
    generate: 'go tool -modfile=../clients/ogen/go.mod ogen --target generated/ogen --package ogen --clean $contract && go build -o generated/bin/ogen ./ogen',
    connect: (_, ...args) => goClient('ogen', ...args),
  },
  'oapi-codegen': {
    generate: 'mkdir -p generated/oapicodegen && go tool -modfile=../../../.ci/tools/go.mod oapi-codegen'
      + ' -generate types,client -package oapicodegen -o generated/oapicodegen/client.go $contract'
      + ' && go build -o generated/bin/oapi-codegen ./oapi-codegen',
    connect: (_, ...args) => goClient('oapi-codegen', ...args),
  },
}

function goClient(program, url, token) {
  const send = (operation) => async (request) => JSON.parse(await run(`generated/bin/${program} ${url} ${token} ${operation} '${JSON.stringify(request)}'`))
  return { create: send('create'), jobs: send('jobs') }
}

async function run(command) {
  const env = { ...process.env, contract: '../../../openapi.yaml', PATH: `${here}../node_modules/.bin:${process.env.PATH}` }
  return (await promisify(execFile)('bash', ['-euc', command], { cwd: here, env })).stdout
}

/** Imports generated TypeScript. */
async function load(code) {
  const outfile = `${here}generated/bundled/${code.replace(/\.ts$/, '.mjs')}`
  await build({ entryPoints: [`${here}generated/${code}`], outfile, bundle: true, packages: 'external', format: 'esm', platform: 'node' })
  return import(outfile)
}

let mock
before(async () => {
  process.env.NO_PROXY = '127.0.0.1' // axios and newman would use a proxy
  rmSync(`${here}generated`, { recursive: true, force: true })
  mock = await startMock('--strict')
})
after(() => mock.stop())

describe('two images, two jobs and an errno', { concurrency: 2 }, () => {
  for (const [tool, { generate, code, connect }] of Object.entries(tools)) {
    test(tool, async (t) => {
      const bodies = []
      const { url, requests } = await serve(t, (request, response) => {
        if (request.method === 'POST') text(request).then((body) => bodies.push(JSON.parse(body)))
        forward(mock.url, request, copyTo(response))
      })
      if (generate) await run(generate)
      const client = await connect(code && await load(code), url, mock.token)

      const images = ['one', 'two'].map((name) => ({ name: `${tool} ${name}`, snapUuid: snapshotUuid }))
      const created = await client.create({ regionId: 'gz', cimg: images })
      const ids = created.data.map((job) => job.jobUuid)
      assert.equal(ids.length, 2)
      const polled = await client.jobs({ regionId: 'gz', jobUuids: ids.join() })
      assert.deepEqual([polled.errno, polled.data.map((job) => job.jobUuid)], [0, ids])
      const unknown = [{ name: 'rejected', snapUuid: 'no-such-snapshot' }]
      const rejected = await client.create({ regionId: 'gz', cimg: unknown })
      assert.equal(rejected.errno, 41017)

      const [path, query] = requests[1].split('?')
      assert.deepEqual([requests[0], path, ...requests.slice(2)], [`POST ${createPath}`, `GET ${jobsPath}`, `POST ${createPath}`])
      assert.deepEqual([...new URLSearchParams(query)].sort(), [['jobUuids', ids.join()], ['regionId', 'gz']])
      assert.deepEqual(bodies, [{ regionId: 'gz', cimg: images }, { regionId: 'gz', cimg: unknown }])
    })
  }
})

test('the TypeScript passes strict checks', () => run('tsc --project .'))

for (const [page, unmodified] of [['other-languages.md', 'works unmodified'], ['other-languages.zh-CN.md', '无需任何设置']]) {
  test(`${page} lists these tools`, () => {
    const { packages } = JSON.parse(read('../package-lock.json'))
    const pinned = read('go.mod') + read('../../../.ci/tools/go.mod')
    const version = (name) => packages[`node_modules/${name}`]?.version ?? pinned.match(`/${name}(?:/v2)? v(\\S+)`)[1]
    const rows = read(`../../../docs/${page}`).split('\n').filter((line) => /^\| \S+ \d+\.\d/.test(line))
    const cells = rows.map((row) => row.split('|').slice(1, 3).map((cell) => cell.split(/[;；]/)[0].trim()))
    assert.deepEqual(cells, Object.keys(tools).map((tool) => [tool.split(' + ').map((name) => `${name} ${version(name)}`).join(' + '), unmodified]))
  })
}
