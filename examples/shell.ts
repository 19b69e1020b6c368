import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { task } from 'cowait'
export const shell = task(async function* ({ command, env = {} }: { command: string; env?: Record<string, string> }, { signal }) {
  const sh = spawn(command, { shell: true, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'], signal })
  const exit = once(sh, 'close')
  for await (const line of createInterface({ input: sh.stdout })) yield line
  return { code: (await exit)[0] as number }
})
export const ls = task(async () => {
  const run = shell({ command: 'ls' })
  for await (const line of run) console.log('file', line)
  return await run
})
