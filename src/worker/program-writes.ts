/**
 * What a run writes into the folder of its program. A container or pod refuses it (scratch-note.ts); a process cannot, since a folder
 * that its owner may not write to is also one that `rm -rf` and `git clean` leave behind. What lies there goes with the next start,
 * when the program is made again as it should be: so the run says it while the file is still there.
 */
import { lstatSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileOfModule, manifestOf } from './module-files.ts'

/**
 * Remembers how the program's folder and that of a run's module are; nothing that the program consists of is newer. The answer gives a
 * sentence for people if something was written there since, also by another run.
 */
export function watchProgram(code: string, module: string): () => string | undefined {
  const folders = new Map<string, number>()
  for (const folder of foldersOf(code, module)) {
    const time = timeOf(folder)
    if (time !== undefined) folders.set(folder, time)
  }
  return () => {
    const names = [...folders].flatMap(([folder, time]) => newerIn(folder, time))
    if (names.length === 0) return undefined
    const paths = names.map((name) => relative(code, name)).join(', ')
    return `${paths} was written into the folder of the program, ${code}, and goes with the next start: write to a folder of your own, as below process.cwd() (here ${process.cwd()}), or to the scratch folder, os.tmpdir() (here ${tmpdir()})`
  }
}

/** None where there is no compiled program. A module of a package lies in the user's own folders. */
function foldersOf(code: string, module: string): Set<string> {
  try {
    return new Set([code, ...(manifestOf(code).modules[module] === undefined ? [] : [dirname(fileOfModule(module, code))])])
  } catch {
    return new Set()
  }
}

/** Nothing for a folder that is gone. */
function newerIn(folder: string, time: number): string[] {
  try {
    if (timeOf(folder) === time) return []
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isSymbolicLink() && (timeOf(join(folder, entry.name)) ?? 0) > time)
      .map(({ name }) => join(folder, name))
  } catch {
    return []
  }
}

function timeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs
}
