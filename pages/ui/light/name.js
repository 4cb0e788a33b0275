// All that a page needs on which one is asked for one's name alone.

import { listenToName } from "./around.js";

listenToName();
