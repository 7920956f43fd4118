/** What the softphone says, in the agent's language: words/ has one file for each. */

import { speak } from "./language.js";
import { AF } from "./words/af.js";
import { EN } from "./words/en.js";

export const { words, translatePage, offerLanguages } = speak({ en: EN, af: AF });
