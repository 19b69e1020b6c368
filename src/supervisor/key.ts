import { createHash } from 'node:crypto'
import type { TaskRef } from '../core/events.ts'

interface KeyParts {
  readonly parentKey: string
  readonly task: TaskRef
  readonly treeHash: string
  readonly inputHash: string
  /** The n-th call with all of the above alike. */
  readonly occurrence: number
}

/** Names a call by what it is rather than by when it came: positions shift under `Promise.all`, this does not. */
export function callKey({ parentKey, task, treeHash, inputHash, occurrence }: KeyParts): string {
  const parts = [parentKey, task.module, task.export, task.ordinal ?? '', treeHash, inputHash, occurrence]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22)
}
