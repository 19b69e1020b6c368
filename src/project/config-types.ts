export type { CowaitConfig, Target } from '../core/config-types.ts'
