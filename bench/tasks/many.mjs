import { task } from 'cowait'
import { answer } from './answer.mjs'

export const many = task(async ({ calls }) => (await Promise.all(Array.from({ length: calls }, () => answer()))).length)
