/** What a detached supervisor is told by who starts it: four bytes with the length of a JSON text, the text, then the input's bytes. */
import type { Ceilings } from '../../core/ceilings.ts'
import type { RunOptions } from '../../core/options.ts'
import type { Encoded } from '../../core/value.ts'
import type { CompiledTree } from '../../project/compile-project.ts'
import type { RunPlan } from '../execute-run.ts'

/** All but where it lies, which is elsewhere. */
type TreeOfPlan = Pick<CompiledTree, 'hash' | 'files' | 'problems'> & {
  readonly project?: string
  readonly modules: readonly (readonly [module: string, place: { readonly source: string; readonly compiled: string }])[]
}

export interface DetachedPlan extends Omit<RunPlan, 'input' | 'id'> {
  readonly id: string
  readonly engine: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly defaults: RunOptions
  readonly concurrency: number
  readonly limits?: Partial<Ceilings>
  readonly keepFailed: boolean
  readonly tree: TreeOfPlan
  readonly input: Encoded
}

export function treeOfPlan({ hash, files, problems, project, modules }: CompiledTree): TreeOfPlan {
  return { hash, files, problems, ...(project !== undefined && { project }), modules: [...modules] }
}

export function encodePlan({ input, ...plan }: DetachedPlan): Uint8Array[] {
  const { data, ...shape } = input
  const text = Buffer.from(JSON.stringify({ ...plan, input: shape }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return [length, text, data]
}

export function decodePlan(bytes: Buffer): DetachedPlan {
  const end = 4 + bytes.readUInt32BE(0)
  const plan = JSON.parse(bytes.toString('utf8', 4, end)) as DetachedPlan
  return { ...plan, input: { ...plan.input, data: bytes.subarray(end) } }
}
