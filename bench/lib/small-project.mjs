/** A project of two files, as a user has one: our own would send all its tools to every pod. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './spawned.mjs'

const task = `import { task } from 'cowait'\nexport const answer = task(async () => 42)\n`

/** `calls` is code that awaits calls of `answer`, bound to the engine; the first call of all is not measured. `settings` are the engine's. */
export async function measureCalls(engine, calls, settings = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'cowait-bench-'))
  try {
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(root, join(folder, 'node_modules/cowait'))
    writeFileSync(join(folder, 'package.json'), '{"name":"small","type":"module"}')
    writeFileSync(join(folder, 'task.mjs'), task)
    writeFileSync(join(folder, 'cowait.config.json'), JSON.stringify(settings))
    const script = [
      `import { answer as plain } from './task.mjs'`,
      `const answer = plain.with({ engine: '${engine}' })`,
      'await answer()',
      'const started = performance.now()',
      calls,
      'process.stdout.write(String(performance.now() - started))',
    ]
    writeFileSync(join(folder, 'script.mjs'), script.join('\n'))
    const child = spawn(process.execPath, ['script.mjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
    let printed = ''
    child.stdout.setEncoding('utf8').on('data', (text) => (printed += text))
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`The script ended with exit code ${code}.`)
    return Number(printed)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
