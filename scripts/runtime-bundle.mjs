/**
 * The runtime: core, protocol and the worker's side in one CommonJS file. Each program of `dist` takes these modules from it instead of
 * having them in chunks of its own: a worker then loads one file of ours, and its compiled form can be kept (src/worker/boot.ts).
 * A module of it runs when it is first asked for.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, posix, relative, sep } from 'node:path'
import { build } from 'esbuild'

const FOLDERS = ['core', 'protocol', 'worker']
const FILES = ['index.ts', 'client/script-root.ts', 'client/print.ts']
/** The worker's program is what loads the runtime. */
const OUTSIDE = ['worker/boot.ts']
const PLACEHOLDER = 'cowait:runtime-file'

/** Writes `runtime-HASH.cjs` and the public entry, which is its face. Answers its name and plugins that link ES modules and CommonJS to it. */
export async function bundleRuntime(source, outdir, options) {
  const modules = await modulesOf(source)
  const getters = modules.map((name) => `  get ${JSON.stringify(name)}() { return require(${JSON.stringify(`./${name}`)}) },`)
  const { metafile } = await build({
    ...options,
    stdin: { contents: `module.exports = {\n${getters.join('\n')}\n}`, resolveDir: source },
    outdir,
    entryNames: 'runtime-[hash]',
    outExtension: { '.js': '.cjs' },
    bundle: true,
    format: 'cjs',
    define: { 'import.meta.url': 'runtimeUrl' },
    banner: { js: `const runtimeUrl = require('node:url').pathToFileURL(__filename).href` },
    plugins: [{ name: 'stay-apart', setup: (inner) => inner.onResolve({ filter: /supervisor-thread\.ts$/ }, external) }],
    metafile: true,
  })
  const [file] = Object.keys(metafile.outputs)
  const name = basename(file)
  const runtime = createRequire(import.meta.url)(join(outdir, name))
  await writeFile(join(outdir, 'index.js'), `${take(`./${name}`)}\n${exportsOf(runtime, 'index.ts')}\n`)
  return {
    name,
    imported: linkTo(source, modules, (module) => `import { runtime } from 'cowait:runtime'\n${exportsOf(runtime, module)}`),
    required: linkTo(source, modules, (module) => `module.exports = require(${JSON.stringify(`./${name}`)})[${JSON.stringify(module)}]`),
  }
}

/** It is loaded by the first call of a script, and stands beside the runtime as a program of its own. */
function external({ path }) {
  return { path: path.replace(/\.ts$/, '.js'), external: true }
}

/** Each program finds the runtime from where it lies. */
export async function pointToRuntime(name, outdir, files) {
  await Promise.all(
    files.map(async (file) => {
      const code = await readFile(file, 'utf8')
      const path = posix.join(relative(dirname(file), outdir) || '.', name)
      if (code.includes(PLACEHOLDER)) await writeFile(file, code.replaceAll(PLACEHOLDER, path.startsWith('.') ? path : `./${path}`))
    }),
  )
}

function linkTo(source, modules, contentsOf) {
  const names = new Set(modules)
  return {
    name: 'runtime',
    setup(inner) {
      inner.onResolve({ filter: /\.ts$/ }, ({ path: wanted, resolveDir }) => {
        const name = relative(source, join(resolveDir, wanted)).split(sep).join('/')
        if (names.has(name)) return { path: name, namespace: 'runtime', sideEffects: false }
      })
      inner.onResolve({ filter: /^cowait:runtime$/ }, ({ path: wanted }) => ({ path: wanted, namespace: 'runtime' }))
      inner.onResolve({ filter: /\/runtime-\w+\.cjs$/ }, ({ path: wanted }) => ({ path: wanted, external: true }))
      inner.onLoad({ filter: /.*/, namespace: 'runtime' }, ({ path: name }) => ({
        contents: name === 'cowait:runtime' ? `export ${take(PLACEHOLDER)}` : contentsOf(name),
      }))
    },
  }
}

/** Cheaper than `import`, which would look through the whole file for the names of its exports. */
function take(path) {
  return `const runtime = process.getBuiltinModule('node:module').createRequire(import.meta.url)(${JSON.stringify(path)})`
}

function exportsOf(runtime, name) {
  return `export const { ${Object.keys(runtime[name]).join(', ')} } = runtime[${JSON.stringify(name)}]`
}

async function modulesOf(source) {
  const files = await Promise.all(
    FOLDERS.map(async (folder) =>
      (await readdir(join(source, folder), { recursive: true })).map((file) => `${folder}/${file.split(sep).join('/')}`),
    ),
  )
  return [...files.flat(), ...FILES].filter((file) => file.endsWith('.ts') && !OUTSIDE.includes(file)).toSorted()
}
