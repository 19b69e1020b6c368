import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

test('Ctrl-C cancels what a script awaits, lets finally blocks run and exits with 130', async () => {
  const script = spawn(process.execPath, [join(root, 'dist/cli.js'), 'exec', 'test/core/scripts/waits.ts'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  for (const stream of [script.stdout, script.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (printed += text))
  await expect.poll(() => printed, { timeout: 20_000 }).toContain('ready')
  script.kill('SIGINT')
  const [code] = (await once(script, 'close')) as [number | null]
  expect(printed).toContain('cleaned slow')
  expect(printed).not.toContain('Error')
  expect(code).toBe(130)
})
