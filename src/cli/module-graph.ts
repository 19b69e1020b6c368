import { createHash } from 'node:crypto'
import type { CompiledTree } from '../project/compile-project.ts'

/**
 * A digest of what a module's runs depend on: the code that it reaches by imports, all code where one of them is computed, and every
 * file of the tree that is no code. It changes when one of them does.
 */
export function moduleDigest(tree: CompiledTree, module: string): string {
  const reached = reachedFrom(tree, module)
  const compiledOf = new Map([...tree.modules.values()].map(({ source, compiled }) => [source, compiled]))
  const unreached = new Set([...compiledOf].flatMap(([source, compiled]) => (reached.has(source) ? [] : [source, compiled])))
  const hash = createHash('sha256')
  for (const { path, sha256 } of tree.files) if (!unreached.has(path) && !path.startsWith('.cowait/')) hash.update(`${path} ${sha256}\n`)
  return hash.digest('hex')
}

/** The user's files, JSON among them. */
function reachedFrom({ modules, imports }: CompiledTree, module: string): ReadonlySet<string> {
  const reached = new Set<string>()
  const visit = (source: string): void => {
    if (reached.has(source)) return
    reached.add(source)
    const found = imports.get(source)
    found?.imports.forEach(visit)
    if (found?.hasComputedImport) for (const each of imports.keys()) visit(each)
  }
  const start = modules.get(module)
  if (start) visit(start.source)
  return reached
}
