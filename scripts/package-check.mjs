/** Packs the package and looks at what people would get: the files, their types, and the size, which it prints. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const root = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'cowait-pack-'))
const mistakes = []
const CONSUMER = `
import { task } from 'cowait'
import { defineConfig } from 'cowait/config'

export const link = task(async ({ page }: { page: number }) => new URL('page:' + page))
export const address: Promise<string> = link({ page: 1 }).then((url) => url.href)
// @ts-expect-error the output is a URL
export const size: Promise<number> = link({ page: 1 }).then((url) => url)
// @ts-expect-error the input is a number
export const wrong = link({ page: 'one' })
// @ts-expect-error a name that no option has
export const config = defineConfig({ notAnOption: true })
`
try {
  const packed = run('npm', ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder])
  const [report] = [JSON.parse(packed)].flat().flatMap((value) => (value.filename ? value : Object.values(value)))
  const tarball = join(folder, report.filename)
  const paths = report.files.map(({ path }) => path)

  const allowed = /^(dist\/.*\.(c?js|css|d\.ts)|dist\/licenses\.txt|docs\/events\.schema\.json|package\.json|LICENSE|[A-Z]+\.md)$/
  mistakes.push(...paths.filter((path) => !allowed.test(path)).map((path) => `"${path}" does not belong into the package.`))
  const needed = [
    'LICENSE',
    'README.md',
    'CHANGELOG.md',
    'PROTOCOL.md',
    'dist/cli.js',
    'dist/licenses.txt',
    'dist/index.js',
    'dist/worker.js',
    'dist/types/index.d.ts',
  ]
  mistakes.push(...needed.filter((path) => !paths.includes(path)).map((path) => `"${path}" is missing from the package.`))

  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const lint = await publint({ pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer }, strict: true })
  mistakes.push(...lint.messages.map((message) => `publint: ${formatMessage(message, manifest)}`))

  const attw = spawnSync(join(root, 'node_modules/.bin/attw'), [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color'], {
    encoding: 'utf8',
  })
  if (attw.status !== 0) mistakes.push(`attw: ${attw.stdout}${attw.stderr}`)

  const types = compileConsumer(tarball)
  if (types.status !== 0) mistakes.push(`A project that uses the types does not compile:\n${types.stdout}${types.stderr}`)

  const kiB = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`
  process.stdout.write(`${report.filename}: ${paths.length} files, ${kiB(report.size)} packed, ${kiB(report.unpackedSize)} unpacked\n`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
for (const mistake of mistakes) process.stderr.write(`${mistake}\n`)
process.exitCode = mistakes.length === 0 ? 0 : 1

/** A strict project with `lib: es2022` and no types of its own: what it imports must not decay to `any`. */
function compileConsumer(tarball) {
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'cowait'), { recursive: true })
  run('tar', ['-xzf', tarball, '-C', join(modules, 'cowait'), '--strip-components', '1'])
  for (const name of ['@types', 'undici-types']) symlinkSync(join(root, 'node_modules', name), join(modules, name))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'consumer.ts'), CONSUMER)
  const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022', '--types', '']
  return spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, 'consumer.ts'], {
    cwd: folder,
    encoding: 'utf8',
  })
}

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(' ')} failed with exit code ${status}.\n${stderr}`)
  return stdout
}
