// Contracts that break the rules of redocly.yaml and spectral.yaml: each problem is
// reported by its rule, with its line.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const here = new URL('..', import.meta.url).pathname
const contract = readFileSync(new URL('../../../openapi.yaml', import.meta.url), 'utf8')
const dir = mkdtempSync(join(tmpdir(), 'lint-'))
after(() => rmSync(dir, { recursive: true }))

// The text to replace, its replacement (§ marks the line to report), the rule.
const rows = {
  spectral: [
    ['summary: Rename images (修改镜像名称)', 'summary: Rename images§', 'cimg-chinese-name'],
    ['description: The images to delete.', 'description: The Go pointers to delete.§', 'cimg-no-language'],
    ['description: The images to rename.', 'description: What C# calls a list.§', 'cimg-no-language'],
    ['title: DiDi Cloud', 'title: Python for DiDi Cloud§', 'cimg-no-language'],
    ['    CIMG:\n      type: object', '    CIMG:\n      x-go-name: Image§\n      type: object', 'cimg-no-language-extension'],
    ['  /dicloud/i/result:\n    get:', '  /dicloud/i/result:\n    put:', 'cimg-methods'],
    ['  /dicloud/i/result:\n', '  /dicloud/i/result:§\n    parameters: [{name: a, in: query, description: a, schema: {type: string}}]\n', 'cimg-methods'],
    ['      requestBody:\n        required: true\n', '      requestBody:\n', 'cimg-body'],
    ['      operationId: listCIMG\n', '      operationId: listCIMG\n      security: []§\n', 'cimg-security'],
    ['url: https://open.didiyunapi.com', 'url: http://open.didiyunapi.com§', 'cimg-https'],
    ['required: [errno, errmsg, requestId]', 'required: [errno, errmsg]§', 'cimg-flat-envelope'],
    ['          description: One page of images, or an errno with the reason for the failure.\n          content:\n', '          description: One page.\n          x-content:\n', 'cimg-flat-envelope'],
    ['        default:\n', "        '404':\n", 'cimg-statuses'],
    ["                regionNotFound:\n                  $ref: '#/components/examples/RegionNotFound'\n                tokenRejected:\n                  $ref: '#/components/examples/TokenRejected'\n", '', 'cimg-failure-example'],
    ['    Job:\n      type: object', '    Job:\n      type: object\n      additionalProperties: false§', 'cimg-open-objects'],
    ['    Job:\n      type: object', '    Job:\n      type: object\n      maxProperties: 9§', 'cimg-open-objects'],
    ['        type:\n          type: string\n', '        type:\n          type: string\n          enum: [CreateCIMG, custom]§\n', 'cimg-open-sets'],
    ['    Errno:\n      type: integer\n      format: int64\n', '    Errno:\n      type: integer\n      format: int32§\n', 'cimg-errno'],
    ['          schema:\n            $ref: \'#/components/schemas/RegionId\'\n          example: gz\n', '          content: {application/json: {schema: {type: string}}}\n', 'cimg-plain-parameters'],
    ["            type: string\n            minLength: 1\n            pattern: '^[^,]+(,[^,]+)*$'\n", '            type: array§\n            items: {type: string}\n', 'cimg-plain-parameters'],
    ["          description: The job's id.\n", '', 'cimg-described'],
    ['          example: 14eebc3af5ac42bd88c6444dc56f9e15\n', '', 'cimg-example'],
    ['          example: [web-01]\n', '', 'cimg-example'],
    ["summary: One image (the provider's sample)", "summary: One image, like in the sample of the provider§", 'cimg-short-summary'],
    ['          items: {}\n', '          items: {type: object, properties: {key: {type: string}}}§\n', 'cimg-described'],
    ['      operationId: importCIMG', '      operationId: createCIMG§', 'operation-operationId-unique'],
    ['          - done: false\n            jobUuid: 3fd3', '          - done: soon§\n            jobUuid: 3fd3', 'oas3-valid-media-example'],
  ],
  redocly: [
    ['    CIMGPage:\n      type: object', '    CIMGPage:', 'nullable-type-sibling'],
    ["$ref: '#/components/schemas/CreateCIMGRequest'", "$ref: '#/components/schemas/Create'§", 'no-unresolved-refs'],
    ['  - bearerAuth: []', '  - bearer: []§', 'security-defined'],
    ['        - name: regionId\n', '        - name: regionID\n          requird: true§\n', 'struct'],
    ['      tags: [jobs]', '      tags: [jobs, images]', 'operation-singular-tag'],
    ['    Job:\n      type: object', '    Unused:§\n      type: object\n    Job:\n      type: object', 'no-unused-components'],
    ['info:\n', 'info:\n\ttab: 1\n', '(7:1)'], // reported by the parser, not by a rule
  ],
}

function run(command, ...args) {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(here, 'node_modules/.bin', command), 'lint', ...args], {
      cwd: here, env: { ...process.env, NO_COLOR: '1', REDOCLY_SUPPRESS_NOTIFICATIONS: 'true' }, maxBuffer: 1 << 26,
    }, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }))
  })
}

function broken(linter, i, [old, put]) {
  assert.ok(contract.includes(old), `openapi.yaml has no ${JSON.stringify(old)}`)
  const text = contract.replace(old, () => put)
  const file = join(dir, `${linter}-${i}.yaml`)
  writeFileSync(file, text.replace('§', ''))
  return { file, line: text.includes('§') ? text.slice(0, text.indexOf('§')).split('\n').length : undefined }
}

test('spectral', async () => {
  const cases = rows.spectral.map((row, i) => ({ ...broken('spectral', i, row), put: row[1], rule: row[2] }))
  const { code, stdout } = await run('spectral', '--quiet', '--format', 'json', '--ruleset', 'spectral.yaml', ...cases.map((c) => c.file))
  assert.equal(code, 1)
  const found = JSON.parse(stdout)
  const missed = cases.flatMap(({ file, line, rule, put }) => {
    const lines = found.filter((f) => f.source === file && f.code === rule).map((f) => f.range.start.line + 1)
    return lines.length > 0 && (!line || lines.includes(line)) ? [] : [`${rule} for ${put} in line ${line ?? 'any'}, but ${lines}`]
  })
  assert.deepEqual(missed, [])
})

test('redocly', async () => {
  for (const [i, row] of rows.redocly.entries()) {
    const { file, line } = broken('redocly', i, row)
    const { code, stdout, stderr } = await run('redocly', '--config', 'redocly.yaml', file)
    assert.notEqual(code, 0, row[2])
    const all = stdout + stderr
    assert.ok(all.includes(row[2]), `${row[2]} is not reported:\n${all}`)
    if (line) assert.ok(all.includes(`${file.split('/').at(-1)}:${line}:`), `line ${line} is not named:\n${all}`)
    assert.doesNotMatch(all, /^ +at .+:\d+:\d+\)?$/m, 'a stack trace')
  }
})
