import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { init, parse } from 'es-module-lexer'
import type { CompiledTree } from '../project/compile-project.ts'

/**
 * A digest of what a module's runs depend on: the code that it reaches by imports, and every file of the tree that is no code. It
 * changes when one of them does.
 */
export async function moduleDigest(tree: CompiledTree, module: string): Promise<string> {
  await init()
  const code = new Set([...tree.modules.values()].map(({ compiled }) => compiled))
  const reached = new Set<string>()
  const visit = (path: string): void => {
    if (reached.has(path) || !code.has(path)) return
    reached.add(path)
    for (const specifier of specifiersOf(join(tree.directory, path))) {
      if (specifier.startsWith('.')) visit(posix.join(dirname(path), specifier))
    }
  }
  visit(tree.modules.get(module)?.compiled ?? '')
  const hash = createHash('sha256')
  for (const file of tree.files)
    if (reached.has(file.path) || !(code.has(file.path) || file.path.startsWith('.cowait/'))) hash.update(`${file.path} ${file.sha256}\n`)
  return hash.digest('hex')
}

function specifiersOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const required = [...text.matchAll(/\brequire\(\s*["']([^"']+)["']\s*\)/g)].map(([, specifier = '']) => specifier)
  try {
    return [...parse(text)[0].flatMap(({ specifier }) => specifier ?? []), ...required]
  } catch {
    return required
  }
}
