import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

/** Milliseconds from the start of a command to its end. Throws if its exit code is not 0. */
export function command(argv, { cwd = root, env = {} } = {}) {
  return async () => {
    const started = performance.now()
    const child = spawn(argv[0], argv.slice(1), { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let printed = ''
    child.stdout.resume()
    child.stderr.setEncoding('utf8').on('data', (text) => (printed = (printed + text).slice(-10_000)))
    const [code, signal] = await once(child, 'close')
    const ms = performance.now() - started
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${signal ?? `exit code ${code}`}.\n${printed}`)
    return ms
  }
}

/** Milliseconds that `count` of something take beyond the first: `of(count)` measures a program that makes so many. */
export function beyondOne(count, of) {
  return async () => {
    const one = await of(1)()
    return Math.max(1, (await of(count)()) - one)
  }
}
