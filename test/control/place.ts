import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cowait, type Ended } from '../cli/cowait.ts'

/** A small project in a folder of its own, and a place for temporary files. */
export class Place implements Disposable {
  readonly base: string = mkdtempSync(join(tmpdir(), 'edge-'))
  readonly root: string
  readonly temporary: string = join(this.base, 'tmp')
  readonly #mounted: string[] = []

  constructor(tasks: string, path = 'project') {
    this.root = join(this.base, path)
    mkdirSync(join(this.root, 'node_modules'), { recursive: true })
    mkdirSync(this.temporary)
    symlinkSync(join(import.meta.dirname, '../..'), join(this.root, 'node_modules/cowait'))
    writeFileSync(join(this.root, 'package.json'), '{"name":"edge","type":"module"}')
    writeFileSync(join(this.root, 'tasks.ts'), tasks)
  }

  async run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return await cowait(['run', ...args], { cwd: this.root, env: { TMPDIR: this.temporary, ...env } })
  }

  mount(folder: string, options: string): string {
    mkdirSync(folder, { recursive: true })
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder])
    this.#mounted.push(folder)
    return folder
  }

  /** Private folders of supervisors, and values that wait in them. */
  private(): string[] {
    const runtime = readdirSync(this.temporary).filter((name) => /^cowait-\d+$/.test(name))
    return runtime
      .flatMap((name) => readdirSync(join(this.temporary, name)))
      .filter((name) => !/^code-[^.]+(\.\d+){2}[^.]*\.cjs$/.test(name))
  }

  [Symbol.dispose](): void {
    for (const folder of this.#mounted) execFileSync('umount', [folder])
    rmSync(this.base, { recursive: true, force: true })
  }
}
