import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ignore, { type Ignore } from 'ignore'
import { above, toSlashes } from './folders.ts'

/** Files that say what is not part of the code; of two in one folder the later one has the last word. */
export const IGNORE_FILES: readonly string[] = ['.gitignore', '.cowaitignore']

/** Left out unless something imports them or an ignore file takes them in again: a test runner would find and run the copies. */
const TESTS = ['test', 'spec'].flatMap((word) => [`*.${word}.[jt]s`, `*.${word}.[cm][jt]s`, `*.${word}.[jt]sx`]).concat('__tests__/')

/** The ignore files of one folder, and those of the folders around it. The innermost one that knows a path decides, as in git. */
export class IgnoreRules {
  readonly #folder: string
  readonly #matcher: Ignore | undefined
  readonly #around: IgnoreRules | undefined

  private constructor(folder: string, texts: readonly string[], around?: IgnoreRules) {
    this.#folder = folder
    this.#matcher = texts.length > 0 ? ignore().add(texts.join('\n')) : undefined
    this.#around = around
  }

  /** The rules that hold in a folder, from the top of its git repository (or else from `top`) down to it. */
  static of(folder: string, top: string): IgnoreRules {
    const repository = above(folder).find((each) => existsSync(join(each, '.git'))) ?? top
    const outermost = readTexts([join(repository, '.git', 'info', 'exclude'), ...IGNORE_FILES.map((name) => join(repository, name))])
    const between = above(folder).filter((each) => each.length > repository.length)
    return between.reverse().reduce((rules, each) => rules.inside(each), new IgnoreRules(repository, [...TESTS, ...outermost]))
  }

  /** The rules that hold in a folder below. */
  inside(folder: string): IgnoreRules {
    const texts = readTexts(IGNORE_FILES.map((name) => join(folder, name)))
    return texts.length > 0 ? new IgnoreRules(folder, texts, this) : this
  }

  ignores(path: string, isFolder: boolean): boolean {
    const verdict = this.#matcher?.test(toSlashes(relative(this.#folder, path)) + (isFolder ? '/' : ''))
    if (verdict?.ignored) return true
    if (verdict?.unignored) return false
    return this.#around?.ignores(path, isFolder) ?? false
  }
}

function readTexts(files: readonly string[]): string[] {
  return files.flatMap((file) => {
    try {
      return [readFileSync(file, 'utf8')]
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
      throw error
    }
  })
}

export function folderOfFile(path: string): string {
  const folder = dirname(path)
  return folder === '.' ? '' : folder
}
