// The emulator that the tests of this folder talk to: the `cimg mock` that
// people run, on a free port.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const root = new URL('../..', import.meta.url).pathname

// What the emulator has in stock: the ids of the provider's example requests.
export const snapshotUuid = '3fd352092a3f553cb124223f6a7f09b4'

/**
 * Starts `cimg mock` with further flags and returns, once it listens, its base
 * URL, the token it accepts, and a function that stops it.
 */
export async function startMock(...flags) {
  const dir = mkdtempSync(join(tmpdir(), 'cimg-'))
  const program = join(dir, 'cimg')
  execFileSync('go', ['build', '-o', program, './cmd/cimg'], { cwd: root, stdio: 'inherit' })
  const mock = spawn(program, ['mock', '--addr', '127.0.0.1:0', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  const stop = async () => {
    if (mock.exitCode === null && mock.kill('SIGTERM')) await once(mock, 'exit')
    rmSync(dir, { recursive: true })
  }
  const said = {}
  for await (const line of createInterface({ input: mock.stdout })) {
    const [, name, value] = line.match(/^(Base URL|Token) +(\S+)$/) ?? []
    if (name) said[name] = value
    if (line.startsWith('Stop with')) return { url: said['Base URL'], token: said.Token, stop }
  }
  await stop()
  throw new Error('cimg mock ended before it was ready')
}
