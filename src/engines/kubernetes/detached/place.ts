import type { Metadata } from '../api-types.ts'

/** What a supervisor in a pod knows of the place that it is in; an argument of its program, nothing secret. */
export interface DetachedPlace {
  readonly namespace: string
  /** The Job whose pod it is: what it makes is owned by that. */
  readonly job: Pick<Metadata, 'name' | 'uid'>
  /** The file with the archive that the pod was given, for the workers to come. */
  readonly archive: string
  /** The workers' program in it. */
  readonly program: string
}
