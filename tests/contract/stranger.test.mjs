// Does what a reader of docs/other-languages.md and docs/generated-clients.md does:
// rehearses in an empty folder; copies the folders that they name, puts openapi.yaml
// beside them and runs the commands.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { copyTo, forward, serve } from './clients/servers.mjs'
import { snapshotUuid, startMock } from './mock.mjs'

const here = new URL('.', import.meta.url).pathname
const page = readFileSync(new URL('../../docs/other-languages.md', import.meta.url), 'utf8')
const sections = (page + readFileSync(new URL('../../docs/generated-clients.md', import.meta.url), 'utf8')).split(/^##+ /m)

/** Returns a block under a heading, undefined if there is none. */
const blockUnder = (heading, language) => sections.find((text) => text.startsWith(heading))
  .match(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms'))?.[1]

/** Returns the commands under headings, without npm install: the packages are there. */
const commands = (...headings) => headings.map((heading) => blockUnder(heading, 'sh')).join('').split('\n').filter((line) => !line.startsWith('npm install')).join('\n')

/** Returns the program on the page, for the client of a tool. */
const program = (tool) => page.match(/^```js\n(.*?)^```$/ms)[1].replaceAll('out/fetch', `out/${tool}`)

let mock
before(async () => { mock = await startMock('--strict', '--job-duration', '300ms') })
after(() => mock.stop())

describe('in a folder of their own', { concurrency: 2 }, () => {
  const cases = [
    { heading: 'Shell', copied: ['clients/shell/cimg.sh'], made: 'cimg.sh', prints: /^([0-9a-f]{32})\n[^]*\1$/m },
    { heading: 'Python', copied: ['clients/python/cimg.py'], made: 'cimg.py', prints: /^[0-9a-f]{32}$/m },
    { heading: 'TypeScript', copied: ['clients/fetch', 'clients/rules', 'clients/tsconfig.json'], made: 'out/fetch/flow.js', tool: 'fetch' },
    { heading: 'openapi-typescript', copied: ['clients/openapi-fetch', 'clients/rules', 'clients/tsconfig.json'], then: ['TypeScript'], made: 'out/openapi-fetch/flow.js', tool: 'openapi-fetch' },
    { heading: '@hey-api', copied: ['clients/hey-api', 'clients/rules', 'clients/tsconfig.json'], then: ['TypeScript'], made: 'out/hey-api/flow.js', tool: 'hey-api' },
    { heading: 'Postman', copied: ['clients/postman'], made: 'postman/generated/flow.json' },
    { heading: 'Redocly', copied: ['flow/images.arazzo.yaml', 'flow/redocly.yaml'], made: 'openapi.yaml' },
    { heading: 'ogen', copied: ['clients/ogen'], within: 'ogen', made: 'generated/oas_client_gen.go', prints: /^[0-9a-f]{32}$/m, rejects: true },
  ]
  for (const { heading, then = [], copied, within = '.', made, prints, rejects, tool } of cases) {
    test(heading, async (t) => {
      const root = mkdtempSync(join(tmpdir(), 'stranger-'))
      t.after(() => rmSync(root, { recursive: true }))
      for (const path of copied) {
        cpSync(join(here, path), join(root, path.split('/').at(-1)), {
          recursive: true, filter: (from) => !/\/(generated|out|openapi\.yaml)$/.test(from),
        })
      }
      const dir = join(root, within)
      cpSync(join(here, '../../openapi.yaml'), join(dir, 'openapi.yaml'))
      writeFileSync(join(root, 'package.json'), '{"type": "module"}')
      symlinkSync(join(here, 'node_modules'), join(root, 'node_modules'))
      if (heading === 'Postman') {
        const environment = join(root, 'postman/mock.environment.json')
        const { values } = JSON.parse(readFileSync(environment, 'utf8'))
        assert.equal(values.find(({ key }) => key === 'bearerToken').value, mock.token, "it is the emulator's default token")
        writeFileSync(environment, readFileSync(environment, 'utf8').replace('http://127.0.0.1:8080', mock.url))
      }
      const script = commands(heading, ...then)
        .replace('"token": "..."', `"token": "${mock.token}"`).replace('"snapshotUuid": "..."', `"snapshotUuid": "${snapshotUuid}"`)
        .replace('http://127.0.0.1:8080', mock.url).replace('CIMG_TOKEN=...', `CIMG_TOKEN=${mock.token}`)
      const output = await run(script, dir)
      assert.ok(readFileSync(join(dir, made)).length > 0)
      if (prints) assert.match(output, prints)
      if (rejects) {
        const last = script.trim().split('\n').at(-1).replace(snapshotUuid, 'unknown')
        await assert.rejects(run(last, dir), /create: errno 41017/)
      }
      if (tool) {
        writeFileSync(join(root, 'main.mjs'), program(tool))
        assert.match(await run('node main.mjs', root), /^\[ '[0-9a-f]{32}' \]$/m)
        const lossy = await serve(t, (request, response) => // not a fault: another case would meet it
          forward(mock.url, request, request.url.endsWith('/create') ? () => response.socket.destroy() : copyTo(response)))
        await assert.rejects(run(`CIMG_URL=${lossy.url} node main.mjs`, root), ({ stderr }) => /^create: unknown: .*; found in gz: [0-9a-f,]+\n$/.test(stderr))
        await assert.rejects(run('CIMG_URL= node main.mjs', root), ({ stderr }) => /^the URL is not that of a service.*\n$/.test(stderr))
      }
    })
  }
})

test('the five minutes with curl alone', async (t) => {
  const flags = blockUnder('Run the mock', 'sh').match(/ mock( .*)?$/m)[1]
  const mock = await startMock(...flags?.trim().split(' ') ?? [])
  t.after(mock.stop)
  const folder = mkdtempSync(join(tmpdir(), 'stranger-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const setUp = blockUnder('Rehearse what goes wrong', 'sh').replace('http://127.0.0.1:8080', mock.url)
  assert.ok(setUp.includes(`CIMG_TOKEN=${mock.token}\n`))
  for (const heading of ['Done', 'Rejected', 'Failed', 'Unknown', 'Slow']) {
    const output = await run(setUp + blockUnder(heading, 'sh'), folder)
    const shown = blockUnder(heading, 'text').trim().split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    assert.match(output.trim(), new RegExp(`^${shown.join('[^\\n]*')}$`), `${heading}:\n${output}`)
  }
})

function run(script, cwd) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, CIMG_URL: mock.url, CIMG_TOKEN: mock.token, REDOCLY_SUPPRESS_NOTIFICATIONS: 'true', NO_COLOR: '1' }
    execFile('bash', ['-euc', script], { cwd, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      error ? reject(Object.assign(new Error(`${error.message}\n${stdout}\n${stderr}`), { stderr })) : resolve(stdout))
  })
}
