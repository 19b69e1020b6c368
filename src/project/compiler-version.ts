import { ownPackage } from './package-root.ts'

/** To be raised when the compiler makes something else of the same files. */
const COMPILER = 9

let version: string | undefined

/** What is kept of a project holds for the same version. */
export function compilerVersion(): string {
  return (version ??= `${ownPackage().version}-${COMPILER}`)
}
