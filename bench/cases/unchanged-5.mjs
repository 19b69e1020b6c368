/** A project of 5 files that has not changed since the last compile, against its first compile; beside it, a raw look at its files. */
import { unchanged } from '../lib/unchanged.mjs'

export const name = 'unchanged-5'
export const goal = 0.5
export const rounds = 5
export const warmUps = 1
export const { open, close, floor, least, subject } = unchanged(5)
