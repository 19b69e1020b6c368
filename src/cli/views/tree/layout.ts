import { isSettled, type RunEntry } from '../../run-board.ts'
import { FEW, type RunGroup, type RunGroups } from './groups.ts'

/** One row of the tree: a run, a group of runs that is drawn as one, or a remark. `prefix` draws the branches. */
export type Row = { readonly prefix: string } & ({ readonly run: RunEntry } | { readonly group: RunGroup } | { readonly folded: number })

type Leaf = { run: RunEntry } | { group: RunGroup } | { folded: number }
type Node = Leaf & { children: Node[] }

interface Branches {
  readonly fork: string
  readonly last: string
  readonly pass: string
  readonly gap: string
}

export const unicodeBranches: Branches = { fork: '├ ', last: '└ ', pass: '│ ', gap: '  ' }
export const asciiBranches: Branches = { fork: '|-', last: '`-', pass: '| ', gap: '  ' }

/**
 * The rows that fit into `budget`: everything while there is room; then finished children fold into a count, then all children of
 * one task into one row, then the rest into the number of rows that are not shown.
 */
export function layoutTree(
  roots: readonly RunEntry[],
  groups: RunGroups,
  { budget, branches }: { budget: number; branches: Branches },
): { rows: Row[]; hidden: number } {
  let rows: Row[] = []
  for (const level of [0, 1, 2, 3]) {
    const builder = { groups, level, left: budget * 4 }
    rows = roots.flatMap((root) => flatten(buildRun(root, builder, true), '', '', branches))
    if (rows.length <= budget && builder.left > 0) return { rows, hidden: 0 }
  }
  return { rows: rows.slice(0, Math.max(1, budget - 1)), hidden: Math.max(0, rows.length - Math.max(1, budget - 1)) }
}

interface Builder {
  readonly groups: RunGroups
  readonly level: number
  left: number
}

function buildRun(run: RunEntry, builder: Builder, isRoot: boolean): Node {
  builder.left--
  const children: Node[] = []
  if (isRoot || !isSettled(run)) for (const group of builder.groups.of(run)) buildGroup(group, builder, children)
  return { run, children }
}

function buildGroup(group: RunGroup, builder: Builder, into: Node[]): void {
  if (builder.left <= 0) return
  const few = builder.level < 2 ? FEW : 1
  if (group.size <= few) {
    const shown = builder.level === 0 ? group.first : group.first.filter((run) => run.status !== 'done')
    for (const run of shown) if (builder.left > 0) into.push(buildRun(run, builder, false))
    if (shown.length < group.first.length) into.push({ folded: group.first.length - shown.length, children: [] })
    return
  }
  builder.left--
  const children: Node[] = []
  const most = builder.level < 2 ? 3 : builder.level === 2 ? 1 : 0
  for (const run of group.live) {
    if (children.length >= most || builder.left <= 0) break
    children.push(buildRun(run, builder, false))
  }
  into.push({ group, children })
}

function flatten(node: Node, prefix: string, below: string, branches: Branches): Row[] {
  const { children, ...leaf } = node
  const rows: Row[] = [{ prefix, ...leaf } as Row]
  children.forEach((child, index) => {
    const isLast = index === children.length - 1
    rows.push(
      ...flatten(child, below + (isLast ? branches.last : branches.fork), below + (isLast ? branches.gap : branches.pass), branches),
    )
  })
  return rows
}
