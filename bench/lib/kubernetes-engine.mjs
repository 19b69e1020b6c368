/** The Kubernetes engine by itself, from its sources, with workers of a program that speaks no protocol. */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from './spawned.mjs'

/** `program` is a folder with a `worker.js`. */
export async function openKubernetesEngine(program, settings) {
  // Inside the checkout: what it needs is found above it.
  const folder = mkdtempSync(join(root, '.build/bench-'))
  const outfile = join(folder, 'engine.mjs')
  const entry = join(root, 'src/engines/kubernetes/kubernetes-engine.ts')
  const options = { bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external', logLevel: 'error' }
  await build({ ...options, entryPoints: [entry], outfile })
  const { createKubernetesEngine } = await import(outfile)
  const runtimeDirectory = join(folder, 'cowait/dist')
  cpSync(program, runtimeDirectory, { recursive: true })
  copyFileSync(join(root, 'dist/pod.js'), join(runtimeDirectory, 'pod.js'))
  writeFileSync(join(folder, 'cowait/package.json'), '{"name":"cowait","type":"module"}')
  const directory = join(folder, 'project/.cowait/tree')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  const owner = `bench-${settings.channel}`
  const engine = await createKubernetesEngine({ owner, runtimeDirectory, settings })
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
