"""The units everything is kept in, and the constants that join them (CODATA 2018).

Length Å, time ps, energy meV for spectra and eV for barriers, temperature K, mass u, charge e.
D is cm²/s in every public result, conductivity mS/cm.
"""

from __future__ import annotations

K_B = 0.08617333262  # meV/K
BOHR = 0.529177210903  # Å
K_B_EV = K_B * 1e-3  # eV/K
HBAR = 0.6582119569  # meV·ps
U_A2_PER_PS2_IN_MEV = 0.10364269656  # 1 u·Å²/ps² in meV: m v² with v in Å/ps
CM2_S_PER_A2_PS = 1e-4  # 1 Å²/ps in cm²/s
KCAL_MOL_IN_EV = 0.04336410424180094  # 1 kcal/mol in eV, thermochemical calorie
COULOMB_EV_A = 14.3996454784255  # e²/4πε₀ in eV·Å
HARTREE = 27.211386245988  # eV
GPA_IN_EV_A3 = 1 / 160.2176634  # 1 GPa in eV/Å³
DENSITY_G_CM3 = 1.66053906660  # 1 u/Å³ in g/cm³

# σ[S/m] = e² n D / (k_B T): with n in 1/Å³, D in cm²/s, k_B T in eV, σ in mS/cm.
# e²/(Å³·eV)·cm²/s = e·1e30 m⁻³·1e-4 m²/s per volt → 1.602176634e-19·1e26 S/m = 1.602…e7 S/m; 1 S/m = 10 mS/cm.
SIGMA_MS_CM = 1.602176634e8
