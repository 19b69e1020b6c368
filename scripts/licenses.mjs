/** The licence texts of the packages whose code is in `dist`, which they ask to go wherever the code goes. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** One text for all; `metafiles` are esbuild's. Throws for a package that brings no licence. */
export async function licenseTexts(root, metafiles) {
  const files = metafiles.flatMap(({ outputs }) => Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs)))
  const folders = new Set(files.flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []))
  const texts = await Promise.all([...folders].toSorted((a, b) => a.localeCompare(b)).map((folder) => textOf(join(root, folder))))
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}

async function textOf(folder) {
  const { name, version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each))
  if (file === undefined) throw new Error(`${folder} has no licence file: its code cannot go into dist.`)
  return `${name} ${version}\n\n${(await readFile(join(folder, file), 'utf8')).trim()}\n`
}
