// The emulator for the tests of this folder: the same `cimg mock` that people run,
// on a free port.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const root = new URL('../..', import.meta.url).pathname

// A snapshot that the emulator has: that of the provider's sample requests.
export const snapshotUuid = '3fd352092a3f553cb124223f6a7f09b4'

/**
 * Starts `cimg mock` with additional flags. Once it listens, returns its base URL,
 * the token that it accepts, and a function that stops it.
 */
export async function startMock(...flags) {
  const dir = mkdtempSync(join(tmpdir(), 'cimg-'))
  const program = join(dir, 'cimg')
  execFileSync('go', ['build', '-o', program, './cmd/cimg'], { cwd: root, stdio: 'inherit' })
  const mock = spawn(program, ['mock', '--addr', '127.0.0.1:0', '--quiet', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  const stop = async () => {
    if (mock.exitCode === null && mock.kill('SIGTERM')) await once(mock, 'exit')
    rmSync(dir, { recursive: true })
  }
  const printed = {}
  for await (const line of createInterface({ input: mock.stdout })) {
    const [, name, value] = line.match(/^(Base URL|Token) +(\S+)$/) ?? []
    if (name) printed[name] = value
    if (line.startsWith('Stop with')) return { url: printed['Base URL'], token: printed.Token, stop }
  }
  await stop()
  throw new Error('cimg mock exited before it was ready')
}
