import { existsSync } from 'node:fs'
import { extname, join, posix, relative } from 'node:path'
import { toSlashes } from './folders.ts'
import { type ProjectPlace, projectPath } from './project.ts'
import { CODE_ENDINGS } from './source.ts'
import { userFile } from './user-paths.ts'

/**
 * What a file is called as a module: its path from the project's root without its ending. Where several files differ only
 * in the ending, the first of `.ts .tsx .mts .cts .js .mjs .cjs .jsx` has the plain name and the others keep theirs.
 */
export function moduleName(place: Pick<ProjectPlace, 'root'>, file: string): string {
  const path = toSlashes(relative(place.root, userFile(file)))
  return nameAmong(path, (each) => existsSync(join(place.root, each)))
}

/** The same for a path in a tree. */
export function moduleNameIn(place: ProjectPlace, path: string, paths: { has(path: string): boolean }): string {
  const project = projectPath(place)
  return nameAmong(posix.relative(project, path), (each) => paths.has(posix.join(project, each)))
}

function nameAmong(path: string, exists: (path: string) => boolean): string {
  const ending = extname(path)
  if (!CODE_ENDINGS.includes(ending)) return path
  const stem = path.slice(0, -ending.length)
  return CODE_ENDINGS.find((each) => each === ending || exists(stem + each)) === ending ? stem : path
}
