// The module that pages embed: importing it defines `<hearback-player>`.

export { HearbackPlayer } from './player/element.ts';
