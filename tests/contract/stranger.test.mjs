// Does what a reader of docs/other-languages.md does: copies the folders that it
// names, puts openapi.yaml beside them and runs the commands.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { snapshotUuid, startMock } from './mock.mjs'

const here = new URL('.', import.meta.url).pathname
const page = readFileSync(new URL('../../docs/other-languages.md', import.meta.url), 'utf8')

/** Returns the commands under a heading, without npm install: the packages are there. */
function commands(heading) {
  const section = page.split(/^##+ /m).find((text) => text.startsWith(heading))
  const [, block] = section.match(/^```sh\n(.*?)^```$/ms)
  return block.split('\n').filter((line) => !line.startsWith('npm install')).join('\n')
}

/** Returns the program on the page, for the client of a tool. */
function program(tool, url) {
  const [, block] = page.match(/^```js\n(.*?)^```$/ms)
  return block.replaceAll('out/openapi-fetch', `out/${tool}`).replace('http://127.0.0.1:8080', url)
}

let mock
before(async () => { mock = await startMock('--strict', '--job-duration', '300ms') })
after(() => mock.stop())

describe('in a folder of their own', { concurrency: 2 }, () => {
  const cases = [
    { heading: 'openapi-typescript', copied: ['clients/openapi-fetch', 'clients/rules', 'clients/tsconfig.json'], made: 'out/openapi-fetch/flow.js', tool: 'openapi-fetch' },
    { heading: '@hey-api', copied: ['clients/hey-api', 'clients/rules', 'clients/tsconfig.json'], made: 'out/hey-api/flow.js', tool: 'hey-api' },
    { heading: 'Postman', copied: ['clients/postman'], made: 'postman/generated/flow.json' },
    { heading: 'Waiting', copied: ['flow/images.arazzo.yaml', 'flow/redocly.yaml'], made: 'openapi.yaml' },
    { heading: 'ogen', copied: ['clients/ogen'], within: 'ogen', made: 'generated/oas_client_gen.go', prints: /^[0-9a-f]{32}$/m },
  ]
  for (const { heading, copied, within = '.', made, prints, tool } of cases) {
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
      const script = commands(heading)
        .replace('"token": "..."', `"token": "${mock.token}"`).replace('"snapshotUuid": "..."', `"snapshotUuid": "${snapshotUuid}"`)
        .replace('http://127.0.0.1:8080', mock.url).replace('CIMG_TOKEN=...', `CIMG_TOKEN=${mock.token}`)
      const output = await run(script, dir)
      assert.ok(readFileSync(join(dir, made)).length > 0)
      if (prints) {
        assert.match(output, prints)
        const last = script.trim().split('\n').at(-1).replace(snapshotUuid, 'unknown')
        await assert.rejects(run(last, dir), /create: errno 41017/)
      }
      if (tool) {
        writeFileSync(join(root, 'main.mjs'), program(tool, mock.url))
        assert.match(await run(`CIMG_TOKEN=${mock.token} node main.mjs`, root), /^\[ '[0-9a-f]{32}' \]$/m)
      }
    })
  }
})

function run(script, cwd) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, REDOCLY_SUPPRESS_NOTIFICATIONS: 'true', NO_COLOR: '1' }
    execFile('bash', ['-euc', script], { cwd, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      error ? reject(new Error(`${error.message}\n${stdout}\n${stderr}`)) : resolve(stdout))
  })
}
