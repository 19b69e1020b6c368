import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { root } from './spawned.mjs'

/** What a worker told of its `join` of so many calls, which ran at width 8. */
export async function joined(calls) {
  const options = ['--engine', 'process', '--concurrency', '8', '-i', `calls=${calls}`]
  const child = spawn(process.execPath, ['dist/cli.js', 'run', 'bench/tasks/joined.mjs', ...options], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [output, printed, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  if (code !== 0) throw new Error(`The join of ${calls} calls ended with exit code ${code}.\n${printed.slice(-10_000)}`)
  return JSON.parse(output)
}
