/** The Docker engine by itself, from its sources, with workers of a program that speaks no protocol. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from './spawned.mjs'

/** `program` is a folder with a `worker.js`. */
export async function openDockerEngine(program) {
  const folder = mkdtempSync(join(tmpdir(), 'cowait-bench-'))
  const outfile = join(folder, 'engine.mjs')
  const entry = join(root, 'src/engines/docker/docker-engine.ts')
  await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'esm', target: 'node20', outfile, logLevel: 'error' })
  const { createDockerEngine } = await import(outfile)
  const runtimeDirectory = join(folder, 'cowait/dist')
  cpSync(program, runtimeDirectory, { recursive: true })
  writeFileSync(join(folder, 'cowait/package.json'), '{"name":"cowait","type":"module"}')
  const directory = join(folder, 'project/.cowait/tree')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  const owner = 'bench'
  const engine = await createDockerEngine({ owner, runtimeDirectory })
  const signal = AbortSignal.timeout(600_000)
  const code = await engine.provide({ hash: '0'.repeat(64), files: [], directory, root: join(folder, 'project') }, signal)
  let count = 0
  return {
    start() {
      const id = `bench-${++count}`
      const spec = { id, owner, name: id, code, resources: {}, mounts: [], ports: {}, labels: {}, settings: {} }
      return engine.start(spec, signal, () => {})
    },
    remove: (id) => engine.remove(id, 0),
    async close() {
      await engine.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
