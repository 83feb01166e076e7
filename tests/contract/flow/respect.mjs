// Runs Redocly's CLI, and its `respect` command, which executes Arazzo documents.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const program = new URL('../node_modules/.bin/redocly', import.meta.url).pathname
const folder = new URL('.', import.meta.url).pathname

let runs = 0

/** Runs redocly in this folder and returns its exit code and output. */
export function redocly(args, env = {}) {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [program, ...args], {
      cwd: folder,
      env: { ...process.env, REDOCLY_SUPPRESS_NOTIFICATIONS: 'true', NO_COLOR: '1', ...env },
      timeout: 120_000,
    }, (error, stdout, stderr) => {
      const code = error ? error.code : 0
      if (Number.isInteger(code)) resolve({ code, output: stdout + stderr })
      else reject(error)
    })
  })
}

/**
 * Executes workflows of an Arazzo document, by default all, against the server at
 * url. The token is passed in the environment: arguments are visible to everybody
 * on the machine. Also returns the final results of the steps, without retries.
 */
export async function respect(dir, { url, token, inputs, workflows = [], file = 'images.arazzo.yaml' }) {
  const report = join(dir, `respect-${++runs}.json`)
  const { code, output } = await redocly(
    ['respect', file, '--verbose', '--server', `cimg=${url}`, '--json-output', report, ...workflows.flatMap(w => ['--workflow', w])],
    { REDOCLY_CLI_RESPECT_INPUT: JSON.stringify({ ...inputs, token }) },
  )
  assert.ok(existsSync(report), output)
  const json = readFileSync(report, 'utf8')
  assert.ok(!output.includes(token) && !json.includes(token), 'the output shows the token')
  assert.match(output, /authorization: Bearer \*+/i)
  const steps = Object.values(JSON.parse(json).files)
    .flatMap(f => f.executedWorkflows).flatMap(flatten).filter(s => !s.retriesLeft)
  return { code, output, steps }
}

function flatten(executed) {
  return executed.executedSteps ? executed.executedSteps.flatMap(flatten) : [executed]
}
