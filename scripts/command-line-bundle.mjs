/**
 * The command line in one CommonJS file: as ES modules it would be fifty chunks, and finding, reading and linking them is a quarter of
 * the time of `cowait run hello`. A module of it runs when it is first asked for, and so does a package.
 */
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

/** Packages that `require` cannot load in every Node that we run on. */
const ES_MODULES_ONLY = ['magic-string', 'fast-string-truncated-width']

/** Writes `command-line-HASH.cjs`, which takes the runtime from the file beside it, and answers its name and what esbuild put into it. */
export async function bundleCommandLine(root, outdir, runtime, options) {
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const { metafile } = await build({
    ...options,
    entryPoints: [join(root, 'src/cli/command-line.ts')],
    outdir,
    entryNames: '[name]-[hash]',
    outExtension: { '.js': '.cjs' },
    bundle: true,
    format: 'cjs',
    packages: 'bundle',
    external: Object.keys(dependencies).filter((name) => !ES_MODULES_ONLY.includes(name)),
    minifyWhitespace: true,
    minifySyntax: true,
    define: { 'import.meta.url': 'ownUrl', RUNTIME: JSON.stringify(runtime.name) },
    banner: { js: `const ownUrl = require('node:url').pathToFileURL(__filename).href` },
    plugins: [runtime.required],
    metafile: true,
  })
  const [file] = Object.keys(metafile.outputs)
  return { name: basename(file), metafile }
}
