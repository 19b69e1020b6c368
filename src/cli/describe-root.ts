import type { CompiledTree } from '../project/compile-project.ts'
import { describe, type TaskDescription } from '../project/describe.ts'
import type { Output } from './output.ts'

const NOTICE_MS = 5_000

/**
 * The tasks of the module whose task is to run. It may load as long as its worker lets it: without end, unless told. Says so after a
 * while; requests to stop end this process, and the one that loads with it.
 */
export async function describeRoot(
  tree: CompiledTree,
  module: string,
  { timeoutMs = Infinity, stderr }: { readonly timeoutMs?: number | undefined; readonly stderr?: Output | undefined },
): Promise<readonly TaskDescription[]> {
  const source = tree.modules.get(module)?.source ?? module
  const notice = setTimeout(() => stderr?.write(`${stderr.colours.dim(`${source} is still loading`)}\n`), NOTICE_MS)
  try {
    return await describe(tree, module, { timeoutMs })
  } finally {
    clearTimeout(notice)
  }
}
