/** How our pods and Jobs are known from outside. Never anything secret: everyone who may look can read them. */
import { createHash } from 'node:crypto'
import { ownOrigin } from '../origin.ts'

export const label = { owner: 'cowait.owner', worker: 'cowait.worker', name: 'cowait.name', kept: 'cowait.kept' } as const

/** A user's own tags, so that none can pass for one of ours. */
export const tagPrefix = 'cowait.tag.'

/** Of the annotations that say where the supervisor runs: longer than a label may be, and nobody selects by them. */
export const originPrefix = 'cowait/'

export const tagsAnnotation = 'cowait/tags'

export function ownerAnnotations(): Record<string, string> {
  return ownOrigin(originPrefix)
}

/** A name that two different texts do not share, as long as an object's name may be. */
export function objectName(name: string, ...told: readonly string[]): string {
  const mark = createHash('sha256').update(told.join('\n')).digest('hex').slice(0, 8)
  return `${name.slice(0, 63 - mark.length - 1).replace(/-+$/, '')}-${mark}`
}

const labelValue = /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/
const labelName = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/

/** Whether a tag can be a label; what cannot stands in an annotation. */
export function isLabel(key: string, value: string): boolean {
  return labelName.test(key) && labelValue.test(value)
}
