/**
 * Builds `dist`: the bundled entry points and the declarations. New files are put in place one by one, the runtime and chunks before the
 * entry points that name them, so a process that starts during a build finds either the old program or the new one.
 *
 *   --bundle   only the JavaScript, and superseded chunks stay for the processes that still run from them
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build as bundle } from 'esbuild'
import { bundleCommandLine } from './command-line-bundle.mjs'
import { licenseTexts } from './licenses.mjs'
import { bundleRuntime, pointToRuntime } from './runtime-bundle.mjs'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')

export const ENTRY_POINTS = {
  index: 'src/index.ts',
  cli: 'src/cli/main.ts',
  worker: 'src/worker/boot.ts',
  config: 'src/config.ts',
  testing: 'src/testing/index.ts',
  thread: 'src/client/thread.ts',
  'supervisor-thread': 'src/client/supervisor-thread.ts',
  describe: 'src/project/describe-main.ts',
}

/** Starts Node from a shell: Node 20 takes an `--env-file` for its own, wherever it stands, unless `--` precedes it. To Node it is a string. */
const SHELL_LINES = `#!/usr/bin/env sh\n':' //; exec node -- "$0" "$@"\n`

const work = join(root, '.build')
const stamp = join(work, 'built')

/** Whether a source changed since the last build began, or `dist` is gone. */
export async function isStale() {
  if (!existsSync(stamp) || !existsSync(join(root, 'dist'))) return true
  const built = (await stat(stamp)).mtimeMs
  const inputs = [...(await filesUnder(join(root, 'src'))), join(root, 'package.json'), fileURLToPath(import.meta.url)]
  const times = await Promise.all(inputs.map(async (file) => (await stat(file)).mtimeMs))
  return Math.max(...times) >= built
}

/** Resolves when `dist` is in place. Throws esbuild's `BuildFailure`, or an error that says that `tsc` failed. */
export async function build({ bundleOnly = false } = {}) {
  const started = new Date()
  await mkdir(work, { recursive: true })
  const staging = await mkdtemp(join(work, 'dist-'))
  try {
    await Promise.all([bundleSources(staging), bundlePage(staging), bundleOnly ? undefined : emitDeclarations(join(staging, 'types'))])
    const dist = join(root, 'dist')
    const fresh = await install(staging, dist)
    if (!bundleOnly) await removeOthers(dist, fresh)
    await writeFile(stamp, '')
    await utimes(stamp, started, started)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

async function bundleSources(outdir) {
  const { index: _index, ...entryPoints } = ENTRY_POINTS
  const options = {
    absWorkingDir: root,
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    legalComments: 'none',
    logLevel: 'silent',
  }
  const runtime = await bundleRuntime(join(root, 'src'), outdir, options)
  const commandLine = await bundleCommandLine(root, outdir, runtime, options)
  const { metafile } = await bundle({
    ...options,
    entryPoints,
    outdir,
    bundle: true,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    format: 'esm',
    define: { RUNTIME: JSON.stringify(runtime.name), COMMAND_LINE: JSON.stringify(commandLine.name) },
    plugins: [runtime.imported],
    metafile: true,
  })
  await pointToRuntime(
    runtime.name,
    outdir,
    Object.keys(metafile.outputs).map((file) => join(root, file)),
  )
  const [, detached] = await Promise.all([bundlePodProgram(outdir), bundleDetached(outdir, runtime.name)])
  await writeFile(join(outdir, 'licenses.txt'), await licenseTexts(root, [commandLine.metafile, detached]))
  const cli = join(outdir, 'cli.js')
  if (!existsSync(cli)) return
  const code = await readFile(cli, 'utf8')
  if (!code.startsWith('#!')) await writeFile(cli, SHELL_LINES + code)
  await chmod(cli, 0o755)
}

/** What a pod on Kubernetes runs first: sent as text, so it stands alone. */
async function bundlePodProgram(outdir) {
  await bundle({
    absWorkingDir: root,
    entryPoints: { pod: 'src/engines/kubernetes/pod/main.ts' },
    outdir,
    bundle: true,
    minify: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    legalComments: 'none',
    logLevel: 'silent',
  })
}

/** A supervisor that runs where the workers are. It has its packages in it: nothing is installed there. */
async function bundleDetached(outdir, runtime) {
  const { metafile } = await bundle({
    absWorkingDir: root,
    entryPoints: { detached: 'src/cli/detached/main.ts' },
    outdir,
    bundle: true,
    minify: true,
    keepNames: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    // Not needed there: no name is resolved, no code compiled, and no kubeconfig read.
    external: ['esbuild', 'yaml', 'bufferutil', 'utf-8-validate'],
    banner: { js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);" },
    define: { RUNTIME: JSON.stringify(runtime) },
    legalComments: 'none',
    logLevel: 'silent',
    metafile: true,
  })
  return metafile
}

/** The page of `cowait report`: one script and one style sheet, to be put into an HTML file. */
async function bundlePage(outdir) {
  await bundle({
    absWorkingDir: root,
    entryPoints: { main: 'src/cli/report/browser/main.ts' },
    outdir: join(outdir, 'report'),
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent',
  })
}

async function emitDeclarations(outdir) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const child = spawn(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', outdir], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (printed += text))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`tsc -p tsconfig.build.json failed with exit code ${code}.\n${printed}`)
  const entries = ['index.d.ts', 'config.d.ts', 'testing/index.d.ts'].map((file) => join(outdir, file)).filter((file) => existsSync(file))
  const files = await filesUnder(outdir)
  await Promise.all(files.map(rewriteImportEndings))
  const reached = await declarationsReachedFrom(entries)
  await Promise.all(files.filter((file) => !reached.has(file)).map((file) => rm(file)))
  await Promise.all(entries.map(referToNode))
}

const RELATIVE_IMPORT = /((?:from|import)\s*\(?\s*['"])(\.{1,2}\/[^'"]*)(['"])/g

/** The compiler leaves `./tree.ts` in declarations, which a package cannot resolve once the sources are gone. */
async function rewriteImportEndings(file) {
  const text = await readFile(file, 'utf8')
  await writeFile(
    file,
    text.replace(RELATIVE_IMPORT, (_, before, path, after) => before + path.replace(/\.ts$/, '.js') + after),
  )
}

async function declarationsReachedFrom(entries) {
  const reached = new Set(entries)
  for (const file of reached) {
    const text = await readFile(file, 'utf8')
    for (const [, , path] of text.matchAll(RELATIVE_IMPORT)) reached.add(join(dirname(file), path.replace(/\.js$/, '.d.ts')))
  }
  return reached
}

/** `URL` and `AbortSignal` come from Node's types; in a project that does not name them they would decay to `any`. */
async function referToNode(file) {
  await writeFile(file, `/// <reference types="node" />\n${await readFile(file, 'utf8')}`)
}

async function install(staging, dist) {
  const files = (await filesUnder(staging)).map((file) => relative(staging, file))
  const rank = (file) => (dirname(file) === '.' && !file.endsWith('.cjs') ? 1 : 0)
  files.sort((a, b) => rank(a) - rank(b))
  for (const file of files) {
    await mkdir(dirname(join(dist, file)), { recursive: true })
    await rename(join(staging, file), join(dist, file))
  }
  return new Set(files)
}

async function removeOthers(dist, fresh) {
  for (const file of existsSync(dist) ? await filesUnder(dist) : []) {
    if (!fresh.has(relative(dist, file))) await rm(file, { force: true })
  }
}

async function filesUnder(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await build({ bundleOnly: process.argv.includes('--bundle') })
  } catch (error) {
    const { formatMessages } = await import('esbuild')
    const messages = error.errors ? await formatMessages(error.errors, { kind: 'error' }) : [error.message]
    process.stderr.write(`${messages.join('\n')}\n`)
    process.exitCode = 1
  }
}
