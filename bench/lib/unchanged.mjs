/** The compile step by itself, on projects of so many small files. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { build } from 'esbuild'
import { root } from './spawned.mjs'

/** Of a project that has not changed: its first compile (floor), a raw look at each file (least), and another compile (subject). */
export function unchanged(files) {
  const folder = join(root, '.build/bench')
  const sources = []
  let project
  let compile
  return {
    async open() {
      mkdirSync(folder, { recursive: true })
      compile = await compileStep(folder)
      project = mkdtempSync(join(tmpdir(), 'cowait-bench-'))
      for (let i = 0; i < files; i++) {
        const path = join(project, `part-${i}.ts`)
        writeFileSync(path, `export const part: number = ${i}\nexport const twice = (value: number): number => value * 2\n`)
        sources.push(path)
      }
      // A file that was written to just now may be written to again without a sign of it.
      await delay(100)
    },
    close: () => rmSync(project, { recursive: true, force: true }),
    floor: async () => {
      rmSync(join(project, '.cowait'), { recursive: true, force: true })
      return await msOf(() => compile(project))
    },
    least: () => msOf(() => lookAtEach([...sources, ...compiledFiles(project)])),
    subject: () => msOf(() => compile(project)),
  }
}

/** It is no entry of the package, so it is bundled as the package does. */
async function compileStep(folder) {
  const outfile = join(folder, `compile-${process.pid}-${performance.now()}.mjs`)
  const entry = join(root, 'src/project/compile-project.ts')
  await build({ entryPoints: [entry], outfile, bundle: true, format: 'esm', platform: 'node', target: 'node20.19', packages: 'external' })
  const { compileProject } = await import(outfile)
  rmSync(outfile)
  return (project) => compileProject({ root: project, treeRoot: project, loose: false })
}

async function msOf(work) {
  const started = performance.now()
  await work()
  return performance.now() - started
}

function compiledFiles(project) {
  const trees = join(project, '.cowait/cache/trees')
  return readdirSync(trees).flatMap((hash) => readdirSync(join(trees, hash)).map((file) => join(trees, hash, file)))
}

function lookAtEach(paths) {
  for (const path of paths) statSync(path, { throwIfNoEntry: false })
}
