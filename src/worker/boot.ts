/**
 * The program of a worker. It loads the runtime, which is one CommonJS file (scripts/runtime-bundle.mjs), and serves one run. Compiling
 * the runtime is a third of a worker's start, so the first worker leaves the compiled form at the place that its engine names, if it
 * names one (a folder that only this user can enter), and later ones take it from there.
 */
import type { Script } from 'node:vm'

/** `import` of these would load all that `fs` can do, streams and promises, to make their names: a tenth of a worker's start. */
const { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } = process.getBuiltinModule('node:fs')
const { createRequire, Module } = process.getBuiltinModule('node:module')
const vm = process.getBuiltinModule('node:vm')

/** The runtime's file beside this one; its name changes with its content. */
declare const RUNTIME: string

const KEPT_MS = 30 * 24 * 3_600_000

interface Runtime {
  readonly 'worker/main.ts': typeof import('./main.ts')
}

interface CachedModule {
  readonly exports: Runtime
  loaded: boolean
}

const require = createRequire(import.meta.url)
const file = require.resolve(`./${RUNTIME}`)
const [folder] = process.argv.splice(3)
const script = folder === undefined ? undefined : compiled(folder)
const runtime = script ? evaluate(script.script) : (require(file) as Runtime)
const end = await runtime['worker/main.ts'].serveProcess((url) => import(url) as Promise<Record<string, unknown>>)
if (end === 'accepted') script?.keep()
process.exit(runtime['worker/main.ts'].exitCodes[end])

/**
 * Code that was compiled by another Node, or with other flags, is refused by V8 and compiled anew. Code of another place would name
 * that place in stacks.
 */
function compiled(folder: string): { readonly script: Script; keep(): void } {
  const versions = [process.version, process.arch, ...process.execArgv, file.slice(-150)].join(' ')
  const path = `${folder}/code-${versions.replaceAll(/[^\w.=-]/g, '_')}`
  const cachedData = readIfThere(path)
  const source = `(function (exports, require, module, __filename) {${readFileSync(file, 'utf8')}\n})`
  const script = new vm.Script(source, { filename: file, ...(cachedData && { cachedData }) })
  return {
    script,
    keep: () => {
      if (cachedData && !script.cachedDataRejected) return
      const part = `${path}.${process.pid}`
      try {
        removeOld(folder)
        writeFileSync(part, script.createCachedData(), { mode: 0o600 })
        renameSync(part, path)
      } catch {
        // The next worker compiles it again.
        rmSync(part, { force: true })
      }
    },
  }
}

/** Of other versions of this package or of Node. */
function removeOld(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = `${folder}/${name}`
    if (name.startsWith('code-') && Date.now() - statSync(path).mtimeMs > KEPT_MS) rmSync(path, { force: true })
  }
}

/** As `require` would, so that the user's `import 'cowait'` finds this instance. */
function evaluate(script: Script): Runtime {
  const module = new (Module as unknown as new (id: string) => CachedModule)(file)
  require.cache[file] = module as unknown as NodeJS.Module
  const run = script.runInThisContext() as (exports: unknown, require: NodeJS.Require, module: CachedModule, filename: string) => void
  run(module.exports, require, module, file)
  module.loaded = true
  return module.exports
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}
