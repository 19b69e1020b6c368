import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { CompiledTree } from '../project/compile-project.ts'

/** What a module's runs depend on; each changes when something of it does. */
export interface ModuleDigest {
  /** The code and JSON that it reaches by imports, all code where one of them is computed, and configs. */
  readonly code: string
  /** Every other file of the tree that is no code. */
  readonly data: string
}

export function moduleDigest(tree: CompiledTree, module: string): ModuleDigest {
  const reached = reachedFrom(tree, module)
  const sourceOf = new Map([...tree.modules.values()].map(({ source, compiled }) => [compiled, source]))
  const code = createHash('sha256')
  const data = createHash('sha256')
  for (const { path, sha256 } of tree.files) {
    const source = sourceOf.get(path) ?? path
    if (reached.has(source)) code.update(`${path} ${sha256}\n`)
    else if (!tree.imports.has(source) && !path.startsWith('.cowait/')) data.update(`${path} ${sha256}\n`)
  }
  return { code: code.digest('hex'), data: data.digest('hex') }
}

/** The user's files. */
function reachedFrom({ modules, imports, files, configs }: CompiledTree, module: string): ReadonlySet<string> {
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
  configs.forEach(visit)
  // Of a config in code, the source alone: its compiled form lies beside it.
  for (const { path } of files) if (/^cowait\.config\.[^.]+$/.test(posix.basename(path))) visit(path)
  return reached
}
